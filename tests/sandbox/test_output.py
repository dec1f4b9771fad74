"""Bounded output keeps the head and the tail of a stream, and counts the rest."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.output import Output


@settings(database=None)
@given(st.lists(st.binary(max_size=40)), st.integers(0, 60))
def test_head_and_tail_are_kept_within_the_limit_and_the_middle_is_counted(parts: list[bytes], limit: int) -> None:
    output = Output(limit)
    for part in parts:
        output.add(part)
    whole = b"".join(parts)
    kept, dropped = output.finish()
    if len(whole) <= limit:
        assert (kept, dropped) == (whole, 0)
    else:
        head, tail = (limit + 1) // 2, limit // 2
        assert kept == whole[:head] + whole[len(whole) - tail :]
        assert dropped == len(whole) - limit


def test_a_long_stream_is_held_in_bounded_memory() -> None:
    output = Output(1000)
    for _ in range(1000):
        output.add(b"x" * 65536)
    assert sum(map(len, output._tail)) < 2 * 65536
