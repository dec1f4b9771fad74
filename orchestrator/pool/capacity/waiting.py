"""The queues of a replica: turns at it, prompts that it reads one after the other, replies that share its steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Mix = Sequence[tuple[float, float]]
"""Shares that make 1, and the seconds that each takes."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A time that is nothing but for a share of those who come, and exponential for these."""

    share: float
    mean_s: float
    """Of those who wait."""

    @property
    def of_all_s(self) -> float:
        return self.share * self.mean_s


def one_by_one(rate: float, services: Mix) -> Wait:
    """Return the wait before a server that serves in order, arrivals at random (Pollaczek and Khinchine; its tail taken as exponential)."""
    busy = rate * sum(share * each for share, each in services)
    mean_s = rate * sum(share * each * each for share, each in services) / (2 * (1 - busy))
    return Wait(busy, mean_s / busy if busy else 0.0)


def together(rate: float, takes_s: Callable[[int], float], room: int) -> tuple[float, Wait]:
    """Return how many are served at once in the mean, and the wait for room, where one of so many at once takes `takes_s`.

    A birth and death chain: load-dependent processor sharing, which does not ask how services are distributed (Kelly 1979); who finds no
    room waits as before so many servers (Erlang). `rate` is less than what leaves where there is no room.
    """
    logs = [0.0]
    for beside in range(1, room + 1):
        logs.append(logs[-1] + math.log(rate * takes_s(beside) / beside))
    weights = [math.exp(each - max(logs)) for each in logs]
    leaves = room / takes_s(room)
    beyond = weights[-1] * rate / (leaves - rate)
    whole = sum(weights) + beyond
    mean = (sum(at * each for at, each in enumerate(weights)) + room * beyond) / whole
    return mean, Wait((weights[-1] + beyond) / whole, 1 / (leaves - rate))


def within(share: float, first: Wait, second: Wait, services: Mix) -> float:
    """Return within which time so great a share is over, of two waits and a service, one after the other."""
    low, high = 0.0, max(each for _, each in services) + 50 * (first.mean_s + second.mean_s) + 1e-9
    for _ in range(60):
        middle = (low + high) / 2
        later = sum(weight * _beyond(middle - each, first, second) for weight, each in services)
        low, high = (middle, high) if later > 1 - share else (low, middle)
    return high


def _beyond(time_s: float, first: Wait, second: Wait) -> float:
    """Return the chance that two waits take longer together."""
    if time_s < 0:
        return 1.0
    # Equal means have another form, which near ones come close to.
    a, b = max(first.mean_s, 1e-12), max(second.mean_s, 1e-12) * 1.000_001
    one, two = math.exp(-time_s / a), math.exp(-time_s / b)
    both = (a * one - b * two) / (a - b)
    alone = first.share * (1 - second.share) * one + second.share * (1 - first.share) * two
    return alone + first.share * second.share * both
