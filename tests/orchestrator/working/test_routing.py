"""Routing: what past verdicts say of agents, and the order that is cheapest by it, against all orders of all subsets."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.working.routing import (
    CHANCE,
    UNSOLVED_USD,
    Offer,
    Prospect,
    Tally,
    best_order,
    expected_usd,
    prospect,
)

PROSPECTS = st.lists(
    st.builds(
        Prospect,
        st.just("agent"),
        st.floats(0.01, 50.0),
        st.floats(0.01, 50.0),
        st.floats(0.0, 30.0),
        st.floats(0.0, 20_000.0),
    ),
    min_size=1,
    max_size=5,
)


@given(PROSPECTS)
def test_no_order_of_any_agents_is_expected_to_cost_less(prospects: list[Prospect]) -> None:
    every = [order for size in range(1, len(prospects) + 1) for order in permutations(prospects, size)]
    assert expected_usd(best_order(prospects)) <= min(map(expected_usd, every)) * (1 + 1e-9)


@given(PROSPECTS)
def test_what_follows_a_miss_is_the_best_order_of_those_that_are_left(prospects: list[Prospect]) -> None:
    first, *rest = best_order(prospects)
    if rest:
        left = list(prospects)
        left.remove(first)
        assert tuple(rest) == best_order(left)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 20), st.integers(0, 20)), max_size=8))
def test_a_posterior_is_between_the_prior_and_what_was_seen_and_another_verified_attempt_never_lowers_it(
    cells: list[tuple[bool, bool, int, int]],
) -> None:
    tallies = [
        Tally("a", here, alike, won + lost, won, 0.1 * won, 1.0)
        for (here, alike), (won, lost) in {(here, alike): (won, lost) for here, alike, won, lost in cells}.items()
    ]
    seen = prospect(Offer("a"), tallies)
    shares = [CHANCE, *(each.verified / each.tries for each in tallies if each.tries)]
    assert min(shares) - 1e-9 <= seen.chance <= max(shares) + 1e-9
    near = next((each for each in tallies if each.here and each.alike), Tally("a", True, True, 0, 0, 0.0, 0.0))
    more = Tally("a", True, True, near.tries + 1, near.verified + 1, near.usd, near.seconds)
    others = [each for each in tallies if each is not near]
    assert prospect(Offer("a"), [*others, more]).chance >= seen.chance


def test_where_nothing_is_known_the_cheaper_agent_is_first() -> None:
    offers = [Offer("model:big", 0.3, 180.0), Offer("repair"), Offer("model:small", 0.01, 180.0)]
    order = best_order([prospect(offer, ()) for offer in offers])
    assert [each.agent for each in order] == ["repair", "model:small", "model:big"]
    assert "never judged before" in order[0].told()


def test_an_agent_that_fails_on_such_tickets_here_comes_later_and_one_without_a_chance_is_left_out() -> None:
    offers = [Offer("repair"), Offer("model:small", 0.01, 180.0)]
    failed = Tally("repair", True, True, 20, 0, 0.0, 20 * 1200.0)
    order = best_order([prospect(offer, [failed]) for offer in offers])
    assert [each.agent for each in order] == ["model:small"]
    elsewhere = Tally("repair", False, False, 12, 0, 0.0, 12 * 60.0)
    order = best_order([prospect(offer, [elsewhere]) for offer in offers])
    assert [each.agent for each in order] == ["model:small", "repair"]
    told = prospect(offers[0], [failed]).told()
    assert "0 of 20 verified on such tickets here" in told


def test_of_agents_without_a_chance_the_best_is_tried_all_the_same() -> None:
    dear = [Prospect("a", 1.0, 9.0, 5.0, 0.0), Prospect("b", 1.0, 9.0, 4.0, 0.0)]
    assert all(each.price_of_a_fix > UNSOLVED_USD for each in dear)
    assert [each.agent for each in best_order(dear)] == ["b"]


@pytest.mark.parametrize("near", [(True, True), (True, False), (False, True), (False, False)])
def test_what_is_near_weighs_more_than_what_is_far(near: tuple[bool, bool]) -> None:
    good = prospect(Offer("a"), [Tally("a", *near, 4, 4, 0.0, 0.0)]).chance
    nearest = prospect(Offer("a"), [Tally("a", True, True, 4, 4, 0.0, 0.0)]).chance
    assert CHANCE < good <= nearest
