"""Budgets cut what starts; they do not notice afterwards."""

from __future__ import annotations

import pytest

from agents import OutOfBudget
from orchestrator.budget import Budget
from sandbox import Limits


def test_a_command_gets_no_more_time_than_is_left() -> None:
    now = [100.0]
    budget = Budget(60.0, spent_s=20.0, clock=lambda: now[0])
    assert budget.cut(Limits(wall_s=600.0)).wall_s == 40.0
    assert budget.cut(Limits(wall_s=None)).wall_s == 40.0
    assert budget.cut(Limits(wall_s=5.0)).wall_s == 5.0
    now[0] += 30.0
    assert budget.cut(Limits()).wall_s == 10.0
    assert budget.without(4.0).remaining_s() == 6.0
    now[0] += 10.0
    with pytest.raises(OutOfBudget, match="60 seconds"):
        budget.cut(Limits())
    assert budget.remaining_s() == 0.0
