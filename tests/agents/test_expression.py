"""What is searched for may be hostile: it is told, and neither stalls nor ends whoever searches."""

from __future__ import annotations

import pytest

from agents import BadPattern, Expression


def test_the_lines_that_match_are_numbered_from_one() -> None:
    data = "äh\nfoo bar\r\n\nfoobar\n".encode() + b"foo \xff"
    assert Expression(r"(?i)^(?P<first>FOO)\b").lines(data) == [(2, "foo bar"), (5, "foo �")]
    assert Expression("^ä|h$").lines(data) == [(1, "äh")]


@pytest.mark.parametrize(
    "pattern",
    ["(", "\ud800", "(?=a)", r"(a)\1", "(?R)a", "a{99999999}", "((a{1,999}){1,999}){1,999}", r"((\pL{1,50}){1,9}){1,2}", "(" * 1000],
)  # fmt: skip
def test_what_is_none_or_would_take_for_ever_or_all_memory_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern, match="no regular expression"):
        Expression(pattern)


@pytest.mark.parametrize("pattern", ["(a+)+b$", "^(a|a)*b$", "(?:a?)*c", f"{'(' * 400}c{')' * 400}", ".*" * 400 + "c"])
def test_patterns_that_stall_other_engines_take_a_moment(pattern: str) -> None:
    found = Expression(pattern).lines(b"a" * 100_000 + b"\n" + b"a" * 5_000 + b"b\n")
    assert [number for number, _ in found] == ([2] if pattern.endswith("$") else [])


def test_its_seconds_are_those_of_all_files_together() -> None:
    wanted = Expression("a", limit_s=60.0)
    assert wanted.lines(b"a\n") == [(1, "a")]
    wanted = Expression("a", limit_s=-1.0)
    with pytest.raises(BadPattern, match="takes too long"):
        wanted.lines(b"a\n")
