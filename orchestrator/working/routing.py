"""Routing: which agents to try on a ticket and in which order, by what verdicts said of them before. Pure, and nothing is trained.

The order is by the price of a fix: cost over chance, of which a Beta posterior is kept. It is optimal for a search that ends at its
first find (Mitten, "An analytic solution to the least cost testing sequence problem", 1960).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SECOND_USD = 0.001
"""What a second of an attempt counts as: $3.60 an hour for the machine, and for somebody who waits."""
UNSOLVED_USD = 10.0
"""What a ticket that no agent repairs counts as."""
CHANCE = 0.4
"""Assumed of an agent of which nothing is known."""
WEIGHT = 4.0
"""How many attempts what is known from elsewhere counts as."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An agent that may be tried, and what an attempt of it is assumed to cost while nothing is known; `paid` says that it costs dollars."""

    agent: str
    usd: float = 0.0
    seconds: float = 60.0

    @property
    def paid(self) -> bool:
        """Say whether it costs dollars."""
        return self.usd > 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of an agent's attempts: in this repository (`here`) or elsewhere, on tickets of this kind (`alike`) or another."""

    agent: str
    here: bool
    alike: bool
    tries: int
    verified: int
    usd: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Prospect:
    """What is expected of an agent on one ticket: a Beta posterior of its being verified, and the mean cost of an attempt.

    `tries` and `verified` are what was seen on such tickets here, `all_tries` and `all_verified` anywhere on any.
    """

    agent: str
    alpha: float
    beta: float
    usd: float
    seconds: float
    tries: int = 0
    verified: int = 0
    all_tries: int = 0
    all_verified: int = 0

    @property
    def chance(self) -> float:
        """Return the mean of the posterior."""
        return self.alpha / (self.alpha + self.beta)

    @property
    def price(self) -> float:
        """Return the dollars that an attempt counts as."""
        return self.usd + SECOND_USD * self.seconds

    @property
    def price_of_a_fix(self) -> float:
        """Return the dollars that a fix by this agent alone would cost."""
        return self.price / self.chance if self.chance > 0 else math.inf

    def told(self) -> str:
        """Return what it is based on, in words."""
        seen = f"{self.verified} of {self.tries} verified on such tickets here"
        if self.all_tries != self.tries:
            seen = f"{seen}, {self.all_verified} of {self.all_tries} in all"
        if not self.all_tries:
            seen = "never judged before"
        return (
            f"{seen}; expected: {self.chance:.0%}, ${self.usd:.3g} and {self.seconds:.0f} s an attempt, "
            f"${self.price_of_a_fix:.2g} for each fix"
        )


def prospect(offer: Offer, tallies: Iterable[Tally]) -> Prospect:
    """Return what is expected of an agent.

    Each level's verdicts update what the one before it says, which counts as `WEIGHT` attempts: all agents alike, then this
    agent elsewhere on other kinds of tickets, elsewhere on such ones, here on others, and here on such ones.
    """
    cells = {(each.here, each.alike): each for each in tallies if each.agent == offer.agent}
    alpha, beta = WEIGHT * CHANCE, WEIGHT * (1 - CHANCE)
    for key in ((False, False), (False, True), (True, False), (True, True)):
        mean = alpha / (alpha + beta)
        cell = cells.get(key)
        won, lost = (cell.verified, cell.tries - cell.verified) if cell else (0, 0)
        alpha, beta = WEIGHT * mean + won, WEIGHT * (1 - mean) + lost
    every, near = list(cells.values()), cells.get((True, True))
    tries = sum(each.tries for each in every)
    return Prospect(
        offer.agent,
        alpha,
        beta,
        (WEIGHT * offer.usd + sum(each.usd for each in every)) / (WEIGHT + tries),
        (WEIGHT * offer.seconds + sum(each.seconds for each in every)) / (WEIGHT + tries),
        near.tries if near else 0,
        near.verified if near else 0,
        tries,
        sum(each.verified for each in every),
    )


def best_order(prospects: Sequence[Prospect]) -> tuple[Prospect, ...]:
    """Return the agents to try, each when the ones before it did not succeed, such that the expected cost is least; at least one."""
    ordered = sorted(prospects, key=lambda each: each.price_of_a_fix)
    worth = [each for each in ordered if each.price_of_a_fix < UNSOLVED_USD]
    return tuple(worth or [min(ordered, key=lambda each: expected_usd([each]))])


def expected_usd(order: Sequence[Prospect]) -> float:
    """Return what trying agents in this order is expected to cost: each one's price, and what follows where it does not succeed."""
    cost = UNSOLVED_USD
    for each in reversed(order):
        cost = each.price + (1 - each.chance) * cost
    return cost
