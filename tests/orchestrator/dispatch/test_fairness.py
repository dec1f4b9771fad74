"""Whose turn it is: users, then their repositories, then age."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from orchestrator.dispatch.fairness import PATIENCE_S, Lane, Line, Terms, Turns, Waiting

ONE, TWO = Path("/one"), Path("/two")
ANN, BEN = Lane("ann", ONE), Lane("ben", ONE)
TERMS = Terms()


def line(lane: Lane, *numbers: int, served_at: float = 0.0, user_served_at: float = 0.0, priority: int = 0) -> Line:
    return Line(lane, iter([Waiting(each, priority) for each in numbers]), served_at, user_served_at)


def order(
    *lines: Line, working: tuple[tuple[Lane, int], ...] = (), terms: Terms = TERMS, most: int | None = None
) -> list[int]:
    found: Iterator[Waiting] = Turns(working, terms).order(lines)
    return [each.number for each in islice(found, most)]


def test_users_take_turns_however_much_one_filed() -> None:
    assert order(line(ANN, *range(1, 1001)), line(BEN, 2000, 2001), most=5) == [1, 2000, 2, 2001, 3]


def test_who_has_less_at_work_is_next_until_both_have_as_much() -> None:
    assert order(line(ANN, 1, 2), line(BEN, 7, 8, 9), working=((ANN, 2),)) == [7, 8, 1, 9, 2]


def test_of_two_with_as_much_at_work_it_is_who_was_served_least_recently() -> None:
    waiting = line(ANN, 1, user_served_at=50.0), line(BEN, 9, user_served_at=20.0)
    assert order(*waiting) == [9, 1]


def test_a_higher_priority_is_first_whoever_wants_it() -> None:
    assert order(line(ANN, 1), line(BEN, 9, priority=1), working=((BEN, 8),)) == [9, 1]


def test_a_users_repositories_take_turns_and_are_no_more_than_one_user() -> None:
    other = Lane("ann", TWO)
    assert order(line(ANN, 1, 2, 3), line(other, 5, 6), line(BEN, 8, 9)) == [1, 8, 5, 9, 2, 6, 3]


def test_a_warm_repository_is_preferred_and_lets_no_other_wait_for_long() -> None:
    other = Lane("ann", TWO)
    for waited_s, first in ((PATIENCE_S - 1, 2), (PATIENCE_S + 1, 1)):
        lines = line(ANN, 1, served_at=1000.0 - waited_s), line(other, 2, served_at=1000.0)
        assert order(*lines, terms=Terms(warm=TWO), most=1) == [first]


def test_a_worker_leaves_what_it_cannot_do() -> None:
    needs = Lane("ann", ONE, frozenset({"gpu"}))
    lines = (needs, 1), (BEN, 2)
    assert order(*(line(*each) for each in lines), terms=Terms(can=frozenset())) == [2]
    assert order(*(line(*each) for each in lines), terms=Terms(can=frozenset({"gpu", "docker"}))) == [1, 2]


@pytest.mark.parametrize(
    ("terms", "taken"),
    [
        (Terms(per_user=2), [9, 1]),
        (Terms(in_all=3), [9, 1]),
        (Terms({ONE: 2}), [9]),
        (Terms({}), []),
        (Terms(per_user=1, in_all=9), [9]),
    ],
)
def test_no_more_is_at_work_than_a_limit_says(terms: Terms, taken: list[int]) -> None:
    assert order(line(ANN, 1, 2), line(BEN, 9), working=((ANN, 1),), terms=terms) == taken
