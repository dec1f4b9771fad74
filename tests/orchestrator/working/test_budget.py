"""Budgets cut what starts; they do not notice afterwards."""

from __future__ import annotations

import pytest

from agents import OutOfBudget
from orchestrator.working.budget import Budget
from sandbox import Limits


def test_a_command_gets_no_more_time_than_is_left() -> None:
    now = [100.0]
    budget = Budget(60.0, spent_s=20.0, clock=lambda: now[0])
    assert budget.cut(Limits(wall_s=600.0)).wall_s == 40.0
    assert budget.cut(Limits(wall_s=None)).wall_s == 40.0
    assert budget.cut(Limits(wall_s=5.0)).wall_s == 5.0
    now[0] += 30.0
    assert budget.cut(Limits()).wall_s == 10.0
    now[0] += 10.0
    with pytest.raises(OutOfBudget, match="60 seconds"):
        budget.cut(Limits())
    assert budget.remaining_s() == 0.0


@pytest.mark.parametrize(("total_s", "reserved_s"), [(60.0, 15.0), (36000.0, 600.0)])
def test_a_quarter_is_kept_for_judging_and_ten_minutes_at_most(total_s: float, reserved_s: float) -> None:
    now = [100.0]
    budget = Budget(total_s, spent_s=20.0, clock=lambda: now[0])
    before = budget.before_judging()
    assert before.remaining_s() == total_s - 20.0 - reserved_s
    now[0] += before.remaining_s()
    with pytest.raises(OutOfBudget, match=f"budget of {total_s:g} seconds is spent, but for {reserved_s:g} that"):
        before.check()
    assert budget.remaining_s() == reserved_s
