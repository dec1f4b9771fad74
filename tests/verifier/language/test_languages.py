"""The servers of a workspace: what edits introduced, servers in step with files, trouble told and not raised."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.verifier.language.doubles import double
from verifier import (
    Diagnostic,
    Findings,
    Found,
    Languages,
    Location,
    Position,
    Says,
    ScriptedSession,
    ServerFailed,
    ServerRefused,
    Severity,
    Span,
)

OLD = b"BAD old\nfine\n"
NEW = b"more\nBAD old\nfine\nBAD new\n"


def finds(path: str, text: str) -> tuple[Diagnostic, ...]:
    return tuple(
        Diagnostic(path, Span(Position(number, 0), Position(number, 3)), Severity.ERROR, line)
        for number, line in enumerate(text.split("\n"), 1)
        if line.startswith("BAD")
    )


class Workplace:
    """Files as they are and as they were, and scripted servers for them."""

    def __init__(self, *servers: Found) -> None:
        self.before = {"a.py": OLD}
        self.now = dict(self.before)
        self.started: list[ScriptedSession] = []
        self.time = 0.0
        self.languages = Languages(servers, self.start, self.read, self.before.get, clock=lambda: self.time)

    def start(self, found: Found) -> ScriptedSession:
        if found.server.name == "gone":
            raise ServerFailed("gone: it is not there")
        here = Location("a.py", Span(Position(1, 0), Position(1, 1)))
        session = ScriptedSession(finds, self.now, places=(here,), told="a type", server=found.server.name)
        self.started.append(session)
        return session

    def read(self, path: str) -> bytes:
        if path not in self.now:
            raise FileNotFoundError(path)
        return self.now[path]


def test_only_what_edits_introduced_is_told_and_servers_start_when_asked() -> None:
    place = Workplace(double("well"))
    assert not place.started
    place.now["a.py"] = NEW
    found = place.languages.diagnose("a.py")
    assert [(said.message, said.span.start.line) for said in found.delta.introduced] == [("BAD new", 4)]
    assert found.asked == ("well",)
    place.now["a.py"] = b"fine\n"
    assert [said.message for said in place.languages.diagnose("a.py").delta.resolved] == ["BAD old"]
    assert len(place.started) == 1


def test_files_that_came_and_went_are_judged_as_they_are() -> None:
    place = Workplace(double("well"))
    place.now["b.py"] = b"BAD new\n"
    assert [said.path for said in place.languages.diagnose("b.py").delta.introduced] == ["b.py"]
    del place.now["b.py"]
    assert not place.languages.diagnose("b.py").delta.introduced
    del place.now["a.py"]
    assert [said.message for said in place.languages.diagnose("a.py").delta.resolved] == ["BAD old"]


def test_a_server_sees_every_file_as_it_is_now() -> None:
    place = Workplace(double("well"))
    place.languages.diagnose("a.py")
    place.now["a.py"] = NEW
    place.now["b.py"] = b""
    place.languages.diagnose("b.py")
    assert place.started[0].shown == {"a.py": NEW, "b.py": b""}
    place.languages.wrote(["c.py"])
    assert place.started[0].written == ["c.py"]


def test_trouble_is_told_beside_what_others_found() -> None:
    place = Workplace(double("gone"))
    assert place.languages.diagnose("a.py").failures == ("gone: it is not there",)
    assert place.languages.diagnose("Makefile") == Findings(place.languages.diagnose("Makefile").delta)
    assert place.languages.knows("a.py")
    assert not place.languages.knows("a.go")


def test_places_are_asked_of_the_servers_that_know_types() -> None:
    linter = double("well")
    with pytest.raises(ServerRefused, match="no language server"):
        Workplace(linter).languages.hover("a.py", Position(1, 0))
    place = Workplace(linter, replace(linter, server=replace(linter.server, name="types", says=Says.TYPES)))
    assert place.languages.hover("a.py", Position(1, 0)) == "a type"
    assert place.languages.definition("a.py", Position(1, 0))
    assert not place.languages.references("a.py", Position(1, 0))
    assert not place.languages.symbols("a.py")
    assert not place.languages.rename("a.py", Position(1, 0), "b")
    assert not place.languages.callers("a.py", Position(1, 0))
    assert not place.languages.callees("a.py", Position(1, 0))
    assert not place.languages.fixes("a.py", Span(Position(1, 0), Position(1, 0)))
    with place.languages:
        pass
    assert all(session.closed for session in place.started)


def test_a_server_that_nobody_asks_ends_and_starts_anew_when_asked() -> None:
    place = Workplace(double("well"))
    place.now["a.py"] = NEW
    place.languages.diagnose("a.py")
    place.time = 599.0
    place.languages.reap()
    assert not place.started[0].closed
    place.time = 600.0
    place.languages.reap()
    assert place.started[0].closed
    assert [said.message for said in place.languages.diagnose("a.py").delta.introduced] == ["BAD new"]
    assert len(place.started) == 2
