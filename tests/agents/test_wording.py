"""Wording: untrusted text made safe and short."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.wording import plain, tail, title


@given(st.text())
def test_plain_text_has_no_character_that_steers_a_terminal(text: str) -> None:
    assert all(letter in "\n\t" or not unicodedata.category(letter).startswith("C") for letter in plain(text))


@given(st.binary(max_size=300), st.integers(10, 60))
def test_a_tail_is_never_longer_than_its_limit_and_a_mark(output: bytes, limit: int) -> None:
    assert len(tail(output, limit)) <= limit + 2


def test_a_tail_keeps_the_last_whole_lines() -> None:
    assert tail(b"one two three\nfour\nfive\n", 12) == "… four\nfive"


@given(st.text())
def test_a_title_is_one_short_line(text: str) -> None:
    made = title(text)
    assert made
    assert len(made) <= 72
    assert "\n" not in made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Crash on empty input", "Crash on empty input"),
        ("\n\n## Crash\ton empty\ninput", "Crash on empty"),
        ("", "Fix"),
        ("---\n***", "Fix"),
        ("\xa0\nCrash", "Crash"),
        ("x" * 100, "x" * 71 + "…"),
    ],
)
def test_a_title_is_the_first_line_that_says_something(text: str, expected: str) -> None:
    assert title(text) == expected
