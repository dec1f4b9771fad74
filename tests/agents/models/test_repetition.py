"""Endless repetition is told from tables, rules and ordinary code."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.models.repetition import LEAST, TIMES, Repetition, repeated


@pytest.mark.parametrize("piece", ["\n", "ha", "and so on, ", "def f(x):\n    return f(x)\n\n", "x" * 399 + "\n"])
def test_a_piece_repeated_without_end_is_noticed(piece: str) -> None:
    watch = Repetition()
    watch.take("An ordinary beginning. " + "".join(map(str, range(500))))
    assert any(watch.take(piece) for _ in range(10_000))


@pytest.mark.parametrize("text", ["=" * 200 + "\nTitle\n" + "=" * 200, "[" + "0, " * 300 + "]", "", "a"])
def test_a_rule_or_a_list_is_no_repetition(text: str) -> None:
    assert repeated(text) is None


def test_real_code_is_no_repetition() -> None:
    watch = Repetition()
    for path in sorted((Path(__file__).parents[3] / "agents").rglob("*.py")):
        for line in path.read_text("utf-8").splitlines(keepends=True):
            assert watch.take(line) is None, path


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=50), st.text(min_size=1, max_size=200), st.integers(TIMES, 20))
def test_what_is_told_is_what_the_end_repeats(before: str, piece: str, times: int) -> None:
    text = before + piece * times
    found = repeated(text)
    if found is None:
        assert len(piece * times) < LEAST
    else:
        assert text.endswith(found * TIMES)
