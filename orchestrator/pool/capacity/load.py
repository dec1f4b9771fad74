"""One replica under so many tickets: mean-value analysis. A turn waits for room, its prompt is read as far as the cache lacks it, its reply is written.

Reading and writing share the replica's time, as chunks of prompts ride along with the steps of replies (Agrawal et al. 2024). What the cache has
still follows from how much is touched between two turns of a ticket (the characteristic time of Che, Tung and Wang 2002, and Little's law).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestrator.pool.capacity.given import Replica, Traffic
from orchestrator.pool.capacity.waiting import one_by_one, together, within

_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Load:
    """How a replica stands: shares of its time and of prompts, seconds, and how many."""

    reading: float
    """Share of its time that prompts take."""
    writing: float
    """Share that replies take, of what a full batch could do."""
    room: int
    """Requests that fit at once, by number and by memory."""
    at_work: float = math.inf
    tickets: float = math.inf
    """At home there, those between two turns among them."""
    cached: float = 0.0
    """Share of prompts' tokens that its cache has."""
    first_p50_s: float = math.inf
    first_p95_s: float = math.inf
    """To the first token."""
    token_s: float = math.inf
    """From token to token."""

    @property
    def busy(self) -> float:
        return self.reading + self.writing


def loaded(traffic: Traffic, replica: Replica, tickets_per_s: float) -> Load:
    """Return how a replica stands; times are without end where that is too much for it.

    It begins with a cache that has everything, and goes down to the first state that holds: one that a burst emptied may stay worse.
    """
    lost = 0.0
    for _ in range(_ROUNDS):
        load, then = _state(traffic, replica, tickets_per_s, lost)
        if math.isinf(load.at_work) or then - lost < 1e-6:
            break
        lost = then
    return load


def _state(traffic: Traffic, replica: Replica, tickets_per_s: float, lost: float) -> tuple[Load, float]:
    """Return how a replica stands where of a share of turns the ticket's prefix is lost, and of which share it would be then."""
    rate = tickets_per_s * traffic.turns
    services = tuple((share, tokens / replica.prefill_per_s) for share, tokens in _read(traffic, lost))
    service_s = sum(share * each for share, each in services)
    held = sum(traffic.prompts) / traffic.turns - traffic.shared_tokens + traffic.reply_tokens / 2
    room = max(0, min(replica.at_once, math.floor((replica.kv_tokens - traffic.shared_tokens) / held)))
    reading = rate * service_s
    writing = rate * traffic.reply_tokens * replica.every_s(room) / room if room else math.inf
    if reading + writing >= 1:
        return Load(reading, writing, room), 1.0
    queue = one_by_one(rate, services)
    read_s = queue.of_all_s + service_s

    def takes_s(beside: int) -> float:
        return read_s + traffic.reply_tokens * replica.every_s(beside) / (1 - reading)

    if rate * takes_s(room) >= room:
        return Load(reading, writing, room), 1.0
    at_work, turn = together(rate, takes_s, room)
    token_s = (at_work / rate - read_s) / traffic.reply_tokens
    gap_s = traffic.tool_s + turn.of_all_s
    first = tuple((share, each + token_s) for share, each in services)
    load = Load(
        reading,
        writing,
        room,
        at_work,
        tickets=at_work + rate * gap_s,
        cached=1 - service_s * replica.prefill_per_s * traffic.turns / sum(traffic.prompts),
        first_p50_s=within(0.5, turn, queue, first),
        first_p95_s=within(0.95, turn, queue, first),
        token_s=token_s,
    )
    return load, math.exp(-_kept_s(traffic, replica, tickets_per_s, at_work / rate, gap_s) / gap_s)


def _read(traffic: Traffic, lost: float) -> tuple[tuple[float, int], ...]:
    """Return the tokens that are read of prompts, by share: of a first one what is not alike in all, then what is new, or all where it was lost."""
    first, *later = (each - traffic.shared_tokens for each in traffic.prompts)
    kept = (1 - lost) * len(later) / traffic.turns
    return ((1 / traffic.turns, first), (kept, traffic.step_tokens), *((lost / traffic.turns, each) for each in later))


def _kept_s(traffic: Traffic, replica: Replica, tickets_per_s: float, turn_s: float, gap_s: float) -> float:
    """Return for how long a cache keeps what nobody touches: until as much was touched besides as it has room for."""
    room = replica.kv_tokens - traffic.shared_tokens
    *others, last = (each - traffic.shared_tokens + traffic.reply_tokens for each in traffic.prompts)

    def held(kept_s: float) -> float:
        between_s = gap_s * (1 - math.exp(-kept_s / gap_s))
        return tickets_per_s * (sum(others) * (turn_s + between_s) + last * (turn_s + kept_s))

    low, high = 0.0, room / (tickets_per_s * max(last, 1))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if held(middle) < room else (low, middle)
    return low
