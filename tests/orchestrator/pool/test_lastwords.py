"""What is told of an engine that ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.pool.lastwords import last_words

KEY = "k3y" * 10


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "x.log"


def test_the_cause_is_told_although_a_long_trace_follows(log: Path) -> None:
    cause = "(Worker pid=7) ERROR [executor.py:953] RuntimeError: length (192) exceeds dimension size (128)."
    last = "RuntimeError: Engine core initialization failed. See root cause above."
    log.write_text("\n".join(("begin", "may cause `OSError: x`", cause, *["  frame"] * 300, last)), "utf-8")
    told = last_words(log, KEY).splitlines()
    assert told[0] == cause and told[-1] == last and len(told) == 16


def test_no_line_of_it_is_endless_and_none_has_the_key(log: Path) -> None:
    log.write_text(f"{KEY}\n" * 10_000 + "x" * 100_000 + f"\nthe key: {KEY}\n", "utf-8")
    told = last_words(log, KEY)
    assert "k3y" not in told and told.endswith("…\nthe key: ***") and len(told) < 1000


def test_a_log_that_is_gone_says_nothing(log: Path) -> None:
    assert last_words(log, KEY) == ""
