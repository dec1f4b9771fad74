"""Rows that a run which was cut short leaves for the next."""

from __future__ import annotations

from pathlib import Path

from tests.bench.kept import Kept


def test_rows_are_found_again_by_the_same_code_until_the_run_is_done(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "rows.jsonl"
    past = Kept.of(file, "tests/bench")
    past.add("one", {"right": True})
    past.add("two", {"right": False})
    past.add("one", {"right": False})
    assert list(Kept.of(file, "tests/bench").rows("one")) == [{"right": True}, {"right": False}]
    assert list(Kept(file, "another").rows("one")) == []
    past.done()
    assert list(past.rows("one")) == []
