"""How attempts of one job differ: by a stated plan, never by chance."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents import Variant


@given(st.lists(st.integers(), unique=True, max_size=6), st.integers(0, 50))
def test_parts_are_put_into_another_order_and_none_is_lost(parts: list[int], number: int) -> None:
    assert sorted(Variant(number).ordered(parts)) == sorted(parts)
    assert Variant().ordered(parts) == tuple(parts)


def test_the_first_six_attempts_tell_three_parts_in_six_orders() -> None:
    assert len({Variant(number).ordered("abc") for number in range(6)}) == 6


def test_each_attempt_is_warmer_than_the_last_up_to_a_limit() -> None:
    assert [Variant(number).warmer for number in range(6)] == [0.0, 0.3, 0.6, 0.9, 0.0, 0.3]
    assert [Variant(number).place for number in range(3)] == [0, 1, 2]
