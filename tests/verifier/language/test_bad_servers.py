"""Servers that speak the protocol badly, each run in a sandbox: what happens is said, in time, and nothing is made up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sandbox import Sandbox
from tests.verifier.language.doubles import double, sandboxed, session, written
from verifier import (
    LanguageSession,
    Position,
    RestartingSession,
    ServerFailed,
    ServerRefused,
    ServerSilent,
    Severity,
    Span,
)

TEXT = "fine\n😀 BAD\n"
PATH = "a.py"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    tree = written(tmp_path_factory.mktemp("bad") / "tree", {PATH: "fine\n"})
    with sandboxed(tree) as sandbox:
        yield sandbox


def finds(running: LanguageSession, text: str, timeout_s: float = 10.0) -> list[tuple[int, int]]:
    running.show(PATH, text.encode())
    return [(said.span.start.line, said.span.start.column) for said in running.diagnose(PATH, timeout_s)]


@pytest.mark.parametrize(
    "mode", ["well", "trickling", "pushing", "stale", "old", "versionless", "asking", "busy", "twice"]
)
def test_what_can_be_understood_is(box: Sandbox, mode: str) -> None:
    with session(box, double(mode)) as running:
        assert finds(running, TEXT) == [(2, 2)]
        assert finds(running, "fine\n") == []
        assert finds(running, "BAD\n" + TEXT) == [(1, 0), (3, 2)]
        running.hide(PATH)
        assert running.diagnose(PATH, 10.0) == ()


def test_a_finding_without_severity_is_an_error_and_its_code_is_text(box: Sandbox) -> None:
    with session(box, double("well")) as running:
        running.show(PATH, TEXT.encode())
        (said,) = running.diagnose(PATH, 10.0)
    assert said.severity is Severity.ERROR
    assert (said.code, said.message, said.source) == ("7", "this is bad", "")
    assert said.span == Span(Position(2, 2), Position(2, 5))
    assert str(said) == "a.py:2: error [7]: this is bad"


@pytest.mark.parametrize(
    ("mode", "word"),
    [
        ("babbling", "no message of the protocol: b'Starting the server"),
        ("not json", "not JSON"),
        ("too deep", "not JSON"),
        ("huge", "announced a message of 10000000000 bytes"),
        ("no length", "no message of the protocol"),
        ("endless head", "no message of the protocol"),
        ("exiting", "no licence was found"),
        ("greedy", "its process: "),
        ("downloading", "it wants the network, which a sandbox does not have"),
    ],
)
def test_a_server_that_does_not_start_is_named_with_what_it_did(box: Sandbox, mode: str, word: str) -> None:
    with pytest.raises(ServerFailed, match=r".") as caught, session(box, double(mode)):
        pass
    assert str(caught.value).startswith(f"{mode}: ")
    assert word in str(caught.value)


def test_a_program_that_is_not_there_is_named(box: Sandbox) -> None:
    with pytest.raises(ServerFailed, match="No such file"), session(box, replace(double("well"), program="/gone")):
        pass


def test_a_server_that_refuses_to_start_is_quoted(box: Sandbox) -> None:
    with pytest.raises(ServerRefused, match="not today"), session(box, double("refusing")):
        pass


def test_a_server_that_never_answers_costs_its_deadline_and_no_more(box: Sandbox) -> None:
    began = time.monotonic()
    silent = pytest.raises(ServerSilent, match=r"`initialize` was not answered within 0.5 s")
    with silent, session(box, double("silent"), start_s=0.5):
        pass
    assert time.monotonic() - began < 5.0


@pytest.mark.parametrize(
    ("mode", "word"), [("mute", "not answered"), ("dumb", "said nothing"), ("flooding", "not answered")]
)
def test_an_answer_that_does_not_come_costs_its_deadline_and_no_more(box: Sandbox, mode: str, word: str) -> None:
    with session(box, double(mode)) as running:
        began = time.monotonic()
        with pytest.raises(ServerSilent, match=word):
            finds(running, TEXT, 0.5)
        assert time.monotonic() - began < 5.0


def test_answers_that_nobody_asked_for_are_told_of(box: Sandbox) -> None:
    with session(box, double("wrong ids")) as running, pytest.raises(ServerSilent, match="3 answers"):
        finds(running, TEXT, 0.5)


@pytest.mark.parametrize(("mode", "word"), [("malformed", "malformed Diagnostic"), ("null", "malformed: None")])
def test_findings_that_make_no_sense_are_not_read(box: Sandbox, mode: str, word: str) -> None:
    with session(box, double(mode)) as running:
        with pytest.raises(ServerFailed, match=word):
            finds(running, TEXT)
        with pytest.raises(ServerFailed, match=word):
            running.show(PATH, b"again\n")


def test_a_server_that_does_not_read_is_given_up(box: Sandbox) -> None:
    with session(box, double("deaf")) as running:
        running.show(PATH, b"first")
        with pytest.raises(ServerSilent):
            running.diagnose(PATH, 0.2)
        with pytest.raises(ServerFailed, match="does not read"):
            for number in range(20):
                running.show(PATH, b"%d" % number + b"x" * (8 << 20))


def test_what_no_server_is_for_is_refused(box: Sandbox) -> None:
    with session(box, double("well")) as running:
        with pytest.raises(ServerRefused, match="definitionProvider"):
            running.definition(PATH, Position(1, 0))
        with pytest.raises(ServerRefused, match="callHierarchyProvider"):
            running.callers(PATH, Position(1, 0))
        with pytest.raises(ServerRefused, match="UTF-8"):
            running.show(PATH, b"\xff")
        with pytest.raises(ServerRefused, match="cannot be read"):
            running.diagnose("gone.py")
        assert finds(running, TEXT) == [(2, 2)]


def test_a_server_that_died_is_started_again_and_shown_the_same(box: Sandbox) -> None:
    pauses: list[float] = []
    with RestartingSession("double", lambda: session(box, double("dying once")), sleep=pauses.append) as running:
        assert finds(running, TEXT) == [(2, 2)]
    assert pauses == [0.5]


def test_a_server_that_crashes_on_a_file_is_given_up_after_a_few_lives(box: Sandbox) -> None:
    pauses: list[float] = []
    with RestartingSession("double", lambda: session(box, double("crashing")), sleep=pauses.append) as running:
        assert finds(running, TEXT) == [(2, 2)]
        with pytest.raises(ServerFailed, match="SIGABRT"):
            finds(running, "CRASH")
        with pytest.raises(ServerFailed):
            finds(running, "CRASH")
        with pytest.raises(ServerFailed, match="not started again"):
            finds(running, TEXT)
    assert pauses == [0.5, 1.0]


def test_waiting_can_be_broken_off(box: Sandbox) -> None:
    class Stop(Exception):
        pass

    asked: list[int] = []

    def poll() -> None:
        asked.append(1)
        if len(asked) > 20:
            raise Stop

    with session(box, double("mute"), poll=poll) as running, pytest.raises(Stop):
        running.diagnose(PATH, 60.0)
