"""Plans."""

from __future__ import annotations

import pytest

from orchestrator.errors import BadConfig
from orchestrator.pool.capacity import PlanFile, planned

_ROOMY = {"kv_tokens": 10**9}


def _file(**tables: dict[str, object]) -> PlanFile:
    return PlanFile.model_validate(tables)


def test_a_plan_has_the_fewest_replicas_that_do() -> None:
    for developers in (1, 7, 60, 400):
        plan = planned(PlanFile(), developers)
        assert plan.enough_for >= developers
        assert plan.replicas == 1 or planned(PlanFile(), plan.enough_for).replicas == plan.replicas
        assert planned(PlanFile(), plan.enough_for + 1).replicas > plan.replicas


def test_what_is_at_its_limit_first_is_named() -> None:
    assert planned(PlanFile(), 20).limit == "KV memory"
    reads = _file(replica={**_ROOMY, "prefill_per_s": 300.0, "at_once": 256}, goal={"first_s": 60.0})
    assert planned(reads, 5).limit == "prefill"
    writes = _file(replica={**_ROOMY, "prefill_per_s": 1e6, "more_s": 0.05})
    assert planned(writes, 20).limit == "decode"
    assert (
        planned(_file(replica={"kv_tokens": 10**7, "more_s": 0.0}, bounds={"chunk_s": 0.01}), 3).limit == "the address"
    )
    assert planned(_file(bounds={"user_tokens_per_day": 1_000_000}), 1).limit == "the budget"
    assert planned(_file(bounds={"ticket_tokens": 600_000}), 1).limit == "the budget"


def test_a_crowd_needs_more_than_the_mean() -> None:
    many, few = planned(PlanFile(), 100), planned(_file(goal={"crowd": 0.0}), 100)
    assert many.replicas > few.replicas
    assert many.load.first_p95_s < many.crowded.first_p95_s <= 10.0


def test_one_address_is_enough_for_so_many_whatever_replicas_there_are() -> None:
    plan = planned(PlanFile(), 4_000)
    assert plan.address > 0.8
    assert plan.enough_for < 4_000
    assert plan.limit == "the address"


def test_what_no_number_of_replicas_does_is_refused_with_what_to_change() -> None:
    with pytest.raises(BadConfig, match=r"kv_tokens is 20,000: fewer `turns`"):
        planned(_file(replica={"kv_tokens": 20_000}), 1)
    with pytest.raises(BadConfig, match=r"first_s is 0\.01: raise it"):
        planned(_file(goal={"first_s": 0.01}), 1)
