"""Queues whose answers are in every book."""

from __future__ import annotations

import math

import pytest

from orchestrator.pool.capacity.waiting import Wait, one_by_one, together, within


def test_a_server_in_order_makes_wait_as_m_d_1_and_m_m_1_do() -> None:
    assert one_by_one(0.5, [(1.0, 1.0)]).of_all_s == pytest.approx(0.5)
    assert one_by_one(0.8, [(1.0, 1.0)]).of_all_s == pytest.approx(2.0)


def test_services_of_different_lengths_make_wait_longer() -> None:
    even = one_by_one(0.5, [(1.0, 1.0)])
    uneven = one_by_one(0.5, [(0.9, 0.5), (0.1, 5.5)])
    assert uneven.share == pytest.approx(even.share)
    assert uneven.mean_s > 2 * even.mean_s


def test_servers_that_do_not_slow_each_other_make_wait_as_erlang_says() -> None:
    # M/M/3 with an offered load of 2: C(3, 2) = 4/9.
    mean, wait = together(2.0, lambda _: 1.0, 3)
    assert wait.share == pytest.approx(4 / 9)
    assert mean == pytest.approx(2.0)
    assert wait.mean_s == pytest.approx(1.0)


def test_one_that_is_shared_evenly_has_as_many_as_m_m_1() -> None:
    mean, wait = together(0.5, lambda beside: float(beside), 200)
    assert mean == pytest.approx(1.0)
    assert wait.share == pytest.approx(0.0, abs=1e-9)


def test_times_within_are_of_the_waits_and_the_service() -> None:
    none, half = Wait(0.0, 0.0), Wait(0.5, 2.0)
    assert within(0.5, none, none, [(1.0, 3.0)]) == pytest.approx(3.0)
    assert within(0.95, half, none, [(1.0, 0.0)]) == pytest.approx(-2.0 * math.log(0.1))
    assert within(0.95, half, half, [(1.0, 0.0)]) == pytest.approx(
        within(0.95, half, Wait(0.5, 2.001), [(1.0, 0.0)]), rel=1e-3
    )
    assert within(0.99, none, none, [(0.9, 1.0), (0.1, 7.0)]) == pytest.approx(7.0)
