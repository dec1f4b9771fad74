"""Calls that are paid for: reserved before, settled after, whatever becomes of them."""

from __future__ import annotations

import pytest

from agents import (
    MemoryWorkspace,
    Message,
    ModelError,
    OutOfBudget,
    Reply,
    Request,
    Role,
    ScriptedModel,
    Trouble,
    Usage,
)
from agents.models import MeteredModel

ASKED = Request((Message(Role.USER, "x" * 2_000),), max_tokens=100)


def price(usage: Usage) -> float:
    """Return a dollar for a thousand tokens read and ten for a thousand written."""
    return (usage.tokens_in + 10 * usage.tokens_out) / 1000


def metered(
    *script: Reply | Exception, budget_usd: float = 10.0
) -> tuple[MeteredModel, MemoryWorkspace, ScriptedModel]:
    workspace = MemoryWorkspace({}, budget_usd=budget_usd)
    model = ScriptedModel(script)
    return MeteredModel(model, workspace, price), workspace, model


def test_what_a_call_used_is_what_is_paid() -> None:
    model, workspace, _ = metered(Reply("yes", usage=Usage(600, 10)))
    assert model.complete(ASKED, deadline_s=9.0).text == "yes"
    assert workspace.spent_usd == [pytest.approx(0.7)]


def test_a_call_that_may_cost_more_than_is_left_is_not_made() -> None:
    model, workspace, inner = metered(Reply("yes"), budget_usd=1.9)
    with pytest.raises(OutOfBudget):
        model.complete(ASKED, deadline_s=9.0)
    assert (inner.asked, workspace.spent_usd) == ([], [])


def test_what_had_come_of_a_call_that_failed_is_paid() -> None:
    cut_off = ModelError(Trouble.BROKEN, "gone", partial=Reply("y", usage=Usage(600, 5)))
    model, workspace, _ = metered(cut_off, ModelError(Trouble.UNREACHABLE, "nobody"))
    for _ in range(2):
        with pytest.raises(ModelError):
            model.complete(ASKED, deadline_s=9.0)
    assert workspace.spent_usd == [pytest.approx(0.65), 0.0]


def test_while_a_call_is_made_all_it_may_cost_counts() -> None:
    seen: list[list[float]] = []

    def answer(request: Request) -> Reply:
        assert request == ASKED
        seen.append(list(workspace.spent_usd))
        return Reply("yes", usage=Usage(1, 1))

    workspace = MemoryWorkspace({}, budget_usd=10.0)
    MeteredModel(ScriptedModel([answer]), workspace, price).complete(ASKED, deadline_s=9.0)
    assert seen == [[pytest.approx(2.0)]]
