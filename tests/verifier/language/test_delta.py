"""Which findings an edit introduced: lines move, are rewritten, go into other files; what was there before never counts."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier import Checked, Diagnostic, Position, Severity, Span, introduced

Files = Mapping[str, str]


def side(files: Files) -> dict[str, Checked]:
    """Check files: each line that has `bad` in it is a finding of its first word, with its own number in the message."""
    checked = {}
    for path, text in files.items():
        found = [
            Diagnostic(
                path,
                Span(Position(number, 0), Position(number, 3)),
                Severity.WARNING if "warn" in line else Severity.ERROR,
                f"bad, as on line {number}",
                line.split()[0],
                "double",
            )
            for number, line in enumerate(text.split("\n"), 1)
            if "bad" in line
        ]
        checked[path] = Checked(text, tuple(found))
    return checked


def new(before: Files, after: Files) -> list[tuple[str, int]]:
    return [(said.path, said.span.start.line) for said in introduced(side(before), side(after)).introduced]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a\nE bad\n", "a\nE bad\n", []),
        ("E bad\n", "x\ny\nE bad\n", []),
        ("a\nb\n", "a\nE bad\nb\n", [2]),
        ("E bad 1\n", "E bad 2\n", []),
        ("E bad 1\nb\n", "x\nE bad 2\nb\n", []),
        ("E bad\n", "F bad\n", [1]),
        ("E bad\n", "E bad warn\n", [1]),
        ("E bad 1\nb\n", "E bad 1\nb\nE bad 1\n", [3]),
        ("E bad 1\na\nb\nc\n", "a\nb\nc\nE bad 1\n", []),
        ("E bad\n", "E bad\nE bad\n", [2]),
        ("a\n", "", []),
        ("", "E bad\n", [1]),
    ],
    ids=[
        "same", "lines above", "inserted", "line rewritten", "block rewritten", "other code", "other severity",
        "copied", "moved", "doubled", "emptied", "filled",
    ],
)  # fmt: skip
def test_only_what_an_edit_introduced_counts(before: str, after: str, expected: list[int]) -> None:
    assert new({"a": before}, {"a": after}) == [("a", line) for line in expected]


def test_a_finding_that_moves_into_another_file_of_the_edit_is_an_old_one() -> None:
    assert new({"a": "x\nE bad\n"}, {"b": "y\nE bad\n"}) == []
    assert new({"a": "x\nE bad\n", "b": "y\n"}, {"a": "x\n", "b": "y\nE bad\nE bad\n"}) == [("b", 3)]


def test_what_is_gone_is_resolved() -> None:
    result = introduced(side({"a": "E bad\nF bad\n"}), side({"a": "F bad\n"}))
    assert [said.code for said in result.resolved] == ["E"]
    assert not result.introduced


@given(st.lists(st.sampled_from(["x", "y", "E bad", "F bad", "E bad warn"])), st.lists(st.just("z")), st.integers(0, 9))
def test_lines_that_are_clean_introduce_nothing(lines: list[str], clean: list[str], at: int) -> None:
    after = [*lines[:at], *clean, *lines[at:]]
    result = introduced(side({"a": "\n".join(lines)}), side({"a": "\n".join(after)}))
    assert not result.introduced
    assert not result.resolved


@given(st.lists(st.sampled_from(["x", "y", "E bad", "F bad"])), st.integers(0, 9))
def test_a_line_of_its_own_kind_is_found(lines: list[str], at: int) -> None:
    after = [*lines[:at], "G bad", *lines[at:]]
    result = introduced(side({"a": "\n".join(lines)}), side({"a": "\n".join(after)}))
    assert [said.code for said in result.introduced] == ["G"]
    assert not result.resolved
