"""What is calculated, against a simulation of the same: the real line under a simulated clock."""

from __future__ import annotations

import pytest

from orchestrator.pool.capacity import PlanFile, planned
from tests.bench.pool_simulated import simulated


def test_as_many_developers_as_a_plan_is_enough_for_are_served_as_it_says() -> None:
    file = PlanFile()
    plan = planned(file, planned(file, 20).enough_for)
    seen = simulated(file.traffic, file.replica, plan.developers, plan.replicas, 3_600.0)
    assert seen.moves == 0
    assert seen.cached == pytest.approx(plan.load.cached, rel=0.1)
    assert seen.first_s(0.5) == pytest.approx(plan.load.first_p50_s, rel=0.2)
    assert seen.first_s(0.95) < 10.0


def test_three_times_as_many_are_not() -> None:
    file = PlanFile()
    plan = planned(file, 12)
    seen = simulated(file.traffic, file.replica, 3 * plan.enough_for, plan.replicas, 3_600.0)
    assert seen.cached < 0.5
    assert seen.first_s(0.95) > file.goal.first_s
