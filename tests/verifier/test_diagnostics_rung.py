"""The rung of language servers: only errors that the change introduced fail; what was there, and what is not installed, does not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import Sandbox
from tests.verifier.cases import Files, case_of, change_of, steady
from tests.verifier.language.doubles import double, sandboxed, written
from verifier import Case, Found, Measure, OutOfTime, RungResult, ServerFailed, ServerPlaces, Status, find_servers
from verifier.rungs import Diagnostics

CLEAN = "import os\n\n\ndef home() -> str:\n    return os.sep\n"
BROKEN = CLEAN.replace("os.sep", "undefined_name")
OLD = "def old() -> int:\n    return other_undefined\n\n\n"


def real() -> tuple[Found, ...]:
    here = find_servers(ServerPlaces(Path("/nowhere"), f"{sys.prefix}/bin"))
    if {"ruff", "pyrefly"} - {found.server.name for found in here}:
        pytest.skip("ruff or pyrefly is not installed beside this interpreter")
    return here


def case(folder: Path, before: Files, after: Files, servers: tuple[Found, ...]) -> Case:
    sides = {"base": before, "tree": after}

    @contextmanager
    def opened(tree: str) -> Iterator[Sandbox]:
        files = {path: data if isinstance(data, str) else "" for path, data in sides[tree].items()}
        with sandboxed(written(folder / tree, files)) as sandbox:
            yield sandbox

    return replace(case_of(change_of(before, after)), open=opened, servers=servers)


def judged(one: Case) -> RungResult:
    return Diagnostics(Measure(steady({}, {}), one)).judge(one)


def texts(result: RungResult) -> list[str]:
    return [fact.text for fact in result.evidence]


def test_an_error_that_the_change_introduced_fails(tmp_path: Path) -> None:
    result = judged(case(tmp_path, {"a.py": CLEAN}, {"a.py": BROKEN}, real()))
    assert result.status is Status.FAIL
    assert "undefined_name" in result.why
    assert [(fact.path, fact.line) for fact in result.evidence[:1]] == [("a.py", 5)]
    assert any("(ruff)" in text for text in texts(result))
    assert any("(pyrefly)" in text for text in texts(result))


def test_an_error_that_was_there_before_does_not_even_where_it_moved(tmp_path: Path) -> None:
    result = judged(case(tmp_path, {"a.py": OLD + CLEAN}, {"a.py": CLEAN + "\n\n" + OLD}, real()))
    assert result.status is Status.PASS, result
    assert "no new error in 1 changed files" in result.why
    assert not [text for text in texts(result) if "error" in text]


def test_a_new_warning_is_evidence(tmp_path: Path) -> None:
    result = judged(case(tmp_path, {"a.py": CLEAN}, {"a.py": "import json\n" + CLEAN}, real()))
    assert result.status is Status.PASS
    assert any("F401" in text and "warning" in text for text in texts(result))


def test_what_is_found_no_more_is_evidence_at_the_line_it_became(tmp_path: Path) -> None:
    one = case(tmp_path, {"a.py": "x\nBAD\ny\n"}, {"a.py": "x\nx\ngood\ny\n"}, (double("well"),))
    result = judged(one)
    assert result.status is Status.PASS, result
    assert [(fact.kind, fact.path, fact.line) for fact in result.evidence] == [("resolved", "a.py", 2)]

    @contextmanager
    def opened(tree: str) -> Iterator[Sandbox]:
        if tree == "base":
            raise ServerFailed("not here")
        with one.open(tree) as sandbox:
            yield sandbox

    nothing = judged(replace(one, open=opened))
    assert (nothing.status, nothing.why, nothing.evidence) == (Status.PASS, result.why, ())


def test_an_import_that_is_not_installed_here_blames_nobody(tmp_path: Path) -> None:
    added = "from nothing_of_this import name\n\n\ndef used() -> object:\n    return name\n"
    result = judged(case(tmp_path, {}, {"a.py": added}, real()))
    assert result.status is Status.PASS, result
    assert any("nothing_of_this" in text for text in texts(result))


@pytest.mark.parametrize(
    ("path", "servers", "word"),
    [
        ("Makefile", ("well",), "No changed file is in a language"),
        ("a.go", ("well",), "no language server for go"),
        ("a.py", (), "no language server for python"),
        ("a.py", ("exiting",), "no licence was found"),
        ("a.py", ("malformed",), "malformed"),
    ],
)
def test_it_is_skipped_with_a_reason_where_no_server_can_say_anything(
    tmp_path: Path, path: str, servers: tuple[str, ...], word: str
) -> None:
    result = judged(case(tmp_path, {path: "a\n"}, {path: "BAD\n"}, tuple(double(mode) for mode in servers)))
    assert result.status is Status.SKIP
    assert word in result.why


def test_what_is_no_text_is_left_out_and_the_rest_is_judged(tmp_path: Path) -> None:
    change: Files = {"a.py": "BAD\n", "b.py": b"\xff BAD"}
    result = judged(case(tmp_path, {}, change, (double("well"),)))
    assert result.status is Status.FAIL
    assert [fact.path for fact in result.evidence] == ["a.py"]


def test_without_time_there_is_no_verdict(tmp_path: Path) -> None:
    one = replace(case(tmp_path, {}, {"a.py": "BAD\n"}, (double("well"),)), left_s=lambda: 0.0)
    with pytest.raises(OutOfTime):
        judged(one)
