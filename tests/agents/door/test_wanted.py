"""Which programs get a door: what a task says, and what is configured."""

from __future__ import annotations

import pytest

from agents import Endpoint, MemoryWorkspace, ModelError, Task, Trouble
from agents.door import door_for, no_models
from verifier import Suite


def task(model: str | None) -> Task:
    return Task("fix it", Suite("pytest"), model=model)


def half_configured(name: str) -> Endpoint | None:
    raise ModelError(Trouble.UNKNOWN_MODEL, f"LLM_MODEL is not set ({name})")


def test_no_door_without_leave_or_without_a_model() -> None:
    workspace = MemoryWorkspace({})
    assert door_for(task(None), workspace, half_configured) == (None, "")
    assert door_for(task(""), workspace, no_models) == (None, "")


def test_a_door_to_the_model_that_is_named_or_fits() -> None:
    workspace = MemoryWorkspace({})
    for name in ("", "large"):
        door, why = door_for(
            task(name), workspace, lambda name: Endpoint(name or "first", "http://127.0.0.1:9/v1", "test")
        )
        assert (door is not None, why) == (True, "")
        assert door is not None
        door.close()


def test_a_model_that_is_half_configured_matters_only_where_it_was_asked_for() -> None:
    door, why = door_for(task(""), MemoryWorkspace({}), half_configured)
    assert door is None
    assert "LLM_MODEL is not set" in why
    with pytest.raises(ModelError):
        door_for(task("large"), MemoryWorkspace({}), half_configured)
