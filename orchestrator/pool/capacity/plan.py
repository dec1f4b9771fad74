"""A plan: the fewest replicas that do for so many developers, how they stand then, and what is at its limit first as more come."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.errors import BadConfig
from orchestrator.pool.capacity.given import PlanFile
from orchestrator.pool.capacity.load import Load, loaded

_HOUR_S = 3600.0
_ENDLESS = 1 << 40


@dataclass(frozen=True, slots=True)
class Plan:
    """What so many developers need, and what more than `enough_for` of them would lack first."""

    developers: int
    replicas: int
    load: Load
    """Of each replica."""
    crowded: Load
    """The same while as many more tickets are at work as the goal says."""
    enough_for: int
    """By replicas and by the address, whatever budgets say."""
    limit: str
    """`prefill`, `decode`, `KV memory`, `the address` or `the budget`."""
    address: float
    """Share of its core that the address needs."""
    day_tokens: float
    """That a developer's day costs, as budgets count."""


def planned(file: PlanFile, developers: int) -> Plan:
    """Return the plan for so many. Raises `BadConfig` where no number of replicas does."""
    _possible(file)
    replicas = _first(lambda number: _does(file, developers, number), 1)
    enough = _first(lambda number: not _does(file, number, replicas), developers + 1) - 1
    chunk_s = _tokens_per_s(file) * file.bounds.chunk_s
    reached = int(file.goal.busy / chunk_s)
    limit = _short(file, enough + 1, replicas) if enough <= reached else "the address"
    return Plan(
        developers,
        replicas,
        _load(file, developers, replicas),
        _crowded(file, developers, replicas),
        min(enough, reached),
        "the budget" if _over_budget(file) else limit,
        developers * chunk_s,
        _day_tokens(file),
    )


def _possible(file: PlanFile) -> None:
    """Raise `BadConfig` where one ticket alone is too much for a replica."""
    longest = file.traffic.prompts[-1] + file.traffic.reply_tokens
    if longest > file.replica.kv_tokens:
        why = f"a ticket's last prompt and reply have {longest:,} tokens, and kv_tokens is {file.replica.kv_tokens:,}"
        raise BadConfig(f"{why}: fewer `turns` or shorter prompts, more cards for a replica, or a smaller model")
    alone = loaded(file.traffic, file.replica, 1e-9)
    if alone.first_p95_s > file.goal.first_s:
        why = f"95 of 100 first tokens come within {alone.first_p95_s:.1f} s where nobody else asks, and first_s is {file.goal.first_s:g}"
        raise BadConfig(f"{why}: raise it, shorten prompts, or take faster cards")


def _does(file: PlanFile, developers: int, replicas: int) -> bool:
    load = _crowded(file, developers, replicas)
    return load.first_p95_s <= file.goal.first_s and _load(file, developers, replicas).busy <= file.goal.busy


def _crowded(file: PlanFile, developers: int, replicas: int) -> Load:
    """Return how each stands while more tickets are at work than in the mean: their number is Poisson's, as each comes for itself."""
    tickets = replicas * _load(file, developers, replicas).tickets
    return _load(file, developers * (1 + file.goal.crowd / math.sqrt(tickets)), replicas)


def _load(file: PlanFile, developers: float, replicas: int) -> Load:
    # Tickets go where the fewest are at home, so that replicas share them evenly.
    return loaded(file.traffic, file.replica, developers * file.traffic.tickets_per_hour / _HOUR_S / replicas)


def _short(file: PlanFile, developers: int, replicas: int) -> str:
    """Say what so many developers lack."""
    roomy = file.replica.model_copy(update={"kv_tokens": _ENDLESS})
    if _does(file.model_copy(update={"replica": roomy}), developers, replicas):
        return "KV memory"
    load = _crowded(file, developers, replicas)
    return "prefill" if load.reading >= load.writing else "decode"


def _first(holds: Callable[[int], bool], least: int) -> int:
    """Return the first number from `least` on for which something holds that goes on holding."""
    low, high = least - 1, least
    while not holds(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _tokens_per_s(file: PlanFile) -> float:
    """Return the tokens of replies that a developer has in a second."""
    return file.traffic.tickets_per_hour * file.traffic.turns * file.traffic.reply_tokens / _HOUR_S


def _day_tokens(file: PlanFile) -> float:
    return file.traffic.ticket_tokens * file.traffic.tickets_per_hour * file.bounds.hours_per_day


def _over_budget(file: PlanFile) -> bool:
    ticket, day = file.bounds.ticket_tokens, file.bounds.user_tokens_per_day
    return (ticket is not None and file.traffic.ticket_tokens > ticket) or (day is not None and _day_tokens(file) > day)
