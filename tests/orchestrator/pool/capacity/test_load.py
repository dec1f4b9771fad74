"""A replica under tickets."""

from __future__ import annotations

import math

import pytest

from orchestrator.pool.capacity import Replica, Traffic, loaded

_MINUTE = 1 / 60


def test_a_replica_that_nobody_troubles_has_all_but_what_is_new_cached() -> None:
    traffic = Traffic(turns=3, shared_tokens=1_000, prefix_tokens=2_000, turn_tokens=50, reply_tokens=50)
    load = loaded(traffic, Replica(prefill_per_s=1_000.0, token_s=0.01, more_s=0.0), 1e-9)
    # Prompts of 2,000, 2,100 and 2,200 tokens, of which 1,000, 100 and 100 are read.
    assert load.cached == pytest.approx(1 - 1_200 / 6_300, rel=1e-4)
    assert load.first_p50_s == pytest.approx(0.11, rel=1e-3)
    assert load.first_p95_s == pytest.approx(1.01, rel=1e-3)
    assert load.token_s == pytest.approx(0.01, rel=1e-3)


def test_shares_of_time_grow_with_what_is_asked() -> None:
    traffic, replica = Traffic(), Replica(kv_tokens=10**9)
    one, two = loaded(traffic, replica, _MINUTE / 10), loaded(traffic, replica, _MINUTE / 5)
    assert two.reading == pytest.approx(2 * one.reading)
    assert two.writing == pytest.approx(2 * one.writing)
    assert two.token_s > one.token_s
    assert two.first_p95_s >= one.first_p95_s


def test_requests_at_work_are_as_many_as_come_while_one_is() -> None:
    traffic, rate = Traffic(), _MINUTE / 5
    load = loaded(traffic, Replica(kv_tokens=10**9), rate)
    # Little's law, where nobody waits for room.
    takes_s = traffic.turns * (load.at_work / (rate * traffic.turns) + traffic.tool_s)
    assert load.tickets == pytest.approx(rate * takes_s, rel=1e-6)


def test_what_a_small_memory_does_not_keep_is_read_again() -> None:
    traffic, rate = Traffic(), 8 * _MINUTE / 10
    roomy = loaded(traffic, Replica(kv_tokens=10**9), rate)
    small = loaded(traffic, Replica(kv_tokens=80_000), rate)
    assert roomy.first_p95_s < math.inf
    assert math.isinf(small.first_p95_s)
    assert small.room < roomy.room


def test_too_much_has_no_end() -> None:
    load = loaded(Traffic(), Replica(), 1e6)
    assert load.busy > 1
    assert math.isinf(load.first_p50_s)
