"""Warm servers: leased to one shadow at a time, shown what differs, the same as new before the next one, else thrown away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from orchestrator.places.languages import languages_in
from orchestrator.places.place import Place
from orchestrator.places.warm import WarmPlace, files_of
from tests.verifier.language.doubles import double
from tests.verifier.language.repository import FILES, found, opener
from tests.verifier.language.test_languages import finds
from verifier import (
    SERVERS,
    Diagnostic,
    Found,
    Languages,
    LeasedSession,
    LeaseEnded,
    RestartingSession,
    ScriptedSession,
    ServerFailed,
    Severity,
    View,
    WarmServers,
)

TREE = {"a.py": b"BAD old\n", "b.py": b"fine\n", "c.cfg": b"x\n"}


def silent(path: str, text: str) -> tuple[Diagnostic, ...]:
    del path, text
    return ()


def leasable(found: Found) -> Found:
    return replace(found, server=replace(found.server, shares_shown=True))


SERVER = leasable(double("well"))


@dataclass
class Hall:
    """A tree, a shadow of it as it is now, warm servers, and what was started and said."""

    files: dict[str, bytes] = field(default_factory=lambda: dict(TREE))
    started: list[ScriptedSession] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    polled: list[Callable[[], None]] = field(default_factory=list)
    time: float = 0.0

    def __post_init__(self) -> None:
        self.warm = WarmServers(self.start, TREE.get, lambda: self.time)

    def start(self, found: Found, *, poll: Callable[[], None]) -> ScriptedSession:
        self.polled.append(poll)
        self.started.append(ScriptedSession(finds, TREE, server=found.server.name))
        return self.started[-1]

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]

    def lease(self, found: Found = SERVER, poll: Callable[[], None] = lambda: None) -> LeasedSession:
        changed = [path for path in TREE | self.files if self.files.get(path) != TREE.get(path)]
        return self.warm.lease(found, View(lambda: changed, self.read, poll, self.said.append))


def test_a_server_serves_one_shadow_after_another_and_is_shown_the_tree_between() -> None:
    hall = Hall()
    hall.files["a.py"] = b"BAD new\n"
    with hall.lease() as first:
        assert hall.started[0].shown == {"a.py": b"BAD new\n"}
        assert [said.message for said in first.diagnose("a.py")] == ["BAD new"]
        first.show("a.py", TREE["a.py"])
        assert [said.message for said in first.diagnose("a.py")] == ["BAD old"]
    assert hall.started[0].shown == {}
    hall.files = {**TREE, "b.py": b"BAD b\n"}
    with hall.lease() as second:
        assert hall.started[0].shown == {"b.py": b"BAD b\n"}
        assert [said.message for said in second.diagnose("a.py")] == ["BAD old"]
    assert len(hall.started) == 1
    assert not hall.said


def test_two_shadows_at_a_time_have_a_server_each() -> None:
    hall = Hall()
    for _ in range(2):
        with hall.lease() as first, hall.lease() as second:
            assert len(hall.started) == 2
            assert first.diagnose("a.py") == second.diagnose("a.py")


def test_what_was_found_in_the_tree_alone_is_not_asked_again() -> None:
    hall = Hall()
    hall.files["b.py"] = b"BAD b\n"
    with hall.lease() as first:
        first.show("b.py", TREE["b.py"])
        assert first.diagnose("b.py") == ()
    with hall.lease() as second:
        hall.started[0].find = lambda path, text: pytest.fail(f"{path} is asked about again: {text}")
        second.show("b.py", TREE["b.py"])
        assert second.diagnose("b.py") == ()


def test_one_that_differs_from_when_it_was_new_is_thrown_away_and_that_is_said() -> None:
    hall = Hall()
    with hall.lease() as first:
        assert first.diagnose("a.py")
    hall.started[0].find = silent
    with hall.lease() as second:
        assert [said.message for said in second.diagnose("a.py")] == ["BAD old"]
    assert hall.started[0].closed
    assert len(hall.started) == 2
    assert "thrown away" in hall.said[0]
    assert "a.py" in hall.said[0]


def test_one_that_died_is_not_leased_again() -> None:
    hall = Hall()
    with hall.lease() as first:
        first.diagnose("a.py")
    hall.started[0].close()
    with hall.lease() as second:
        second.diagnose("a.py")
        hall.started[1].close()
        with pytest.raises(ServerFailed):
            second.diagnose("b.py")
    with hall.lease():
        assert len(hall.started) == 3
    assert ["it was closed" in each for each in hall.said] == [True]


def test_one_that_there_is_nothing_to_compare_by_is_not_kept() -> None:
    hall = Hall()
    hall.lease().close()
    assert hall.started[0].closed


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({"d.py": b""}, "made or removed"),
        ({"c.cfg": b"y\n"}, "read from the disk"),
        ({"b.py": b"\xff"}, "no text"),
    ],
)
def test_what_no_text_can_stand_for_ends_the_lease(files: dict[str, bytes], word: str) -> None:
    hall = Hall()
    lease = hall.lease()
    hall.files |= files
    with pytest.raises(LeaseEnded, match=word):
        lease.wrote(files)
    with pytest.raises(LeaseEnded, match=word):
        hall.lease()
    lease.close()
    assert hall.started[0].shown == {}


def test_a_session_goes_on_without_its_lease() -> None:
    hall = Hall()
    own = ScriptedSession(finds, hall.files)

    def start() -> ScriptedSession | LeasedSession:
        try:
            return hall.lease()
        except LeaseEnded:
            return own

    with RestartingSession("well", start, sleep=lambda _: pytest.fail("the end of a lease is no death")) as session:
        session.show("b.py", b"BAD b\n")
        del hall.files["a.py"]
        session.wrote(["a.py"])
        assert own.shown == {"b.py": b"BAD b\n"}
        assert own.written == ["a.py"]
    assert own.closed


def test_servers_that_run_code_of_the_repository_are_never_leased() -> None:
    assert [server.name for server in SERVERS if server.leasable] == ["ruff", "ty"]
    assert not any(server.runs_code for server in SERVERS if server.leasable)
    with pytest.raises(LeaseEnded, match="may run code"):
        Hall().lease(double("well"))


def test_whoever_leases_is_asked_whether_to_go_on() -> None:
    hall, asked = Hall(), list[str]()
    with hall.lease(poll=lambda: asked.append("first")) as first:
        first.diagnose("a.py")
    with hall.lease(poll=lambda: asked.append("second")):
        hall.polled[0]()
    hall.polled[0]()
    assert asked == ["second"]


def test_a_server_that_nobody_leases_ends() -> None:
    hall = Hall()
    lease = hall.lease()
    lease.diagnose("a.py")
    hall.time = 10_000.0
    assert hall.warm.reap()
    assert not hall.started[0].closed
    lease.close()
    assert hall.warm.reap()
    hall.time += 600.0
    assert not hall.warm.reap()
    assert hall.started[0].closed
    last = hall.lease()
    hall.warm.close()
    assert not hall.started[1].closed
    last.close()
    assert hall.started[1].closed


def test_real_servers_serve_one_attempt_after_another(tmp_path: Path) -> None:
    names = ("ruff", "ty")
    said: list[str] = []
    with opener(tmp_path) as (snapshot, places):
        warm = WarmPlace()

        def attempt(*edits: tuple[str, str]) -> list[tuple[str, int]]:
            """Write files as an attempt does; return where errors were introduced."""
            with places.open(snapshot, snapshot.tree) as place, languages_of(place) as languages:
                new = []
                for path, text in edits:
                    place.shadow.write(path, text.encode())
                    languages.wrote([path])
                    findings = languages.diagnose(path)
                    assert findings.asked == names, findings.failures
                    errors = [each for each in findings.delta.introduced if each.severity is Severity.ERROR]
                    new += [(each.path, each.span.start.line) for each in errors]
                return new

        def languages_of(place: Place) -> Languages:
            servers = [found(place, name) for name in names]
            return languages_in(
                place, snapshot.tree, servers, stopping=lambda: None, remaining_s=lambda: 60.0,
                warm=lambda: warm.servers(snapshot, snapshot.tree, places.how, lambda: places.open(snapshot, snapshot.tree)),
                say=said.append,
            )  # fmt: skip

        same = ("py/b.py", FILES["py/b.py"] + "\n")
        try:
            wrong = ("py/b.py", FILES["py/b.py"].replace("f(1)", "undefined_name"))
            assert attempt(wrong) == [("py/b.py", 5), ("py/b.py", 5)]
            # What is shown of one file is what the other sees, though neither is written where the server is.
            other = ("py/a.py", "def f(x: int) -> str:\n    return str(x)\n")
            assert attempt(same, other, same) == [("py/b.py", 5)]
            assert attempt(same) == []
            assert not said
            assert attempt(("py/c.py", "def h() -> int:\n    return 'h'\n")) == [("py/c.py", 2)]
            assert ["started on the shadow itself" in each for each in said] == [True, True]
            assert files_of(snapshot.depot, snapshot.tree)("py/b.py") == FILES["py/b.py"].encode()
        finally:
            warm.close()
