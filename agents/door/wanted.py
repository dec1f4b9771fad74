"""Whether somebody else's program gets a door: where its task lets it ask a model, and one is configured."""

from __future__ import annotations

from collections.abc import Callable

from agents.agent import Task, Workspace
from agents.door.door import Door
from agents.models import Endpoint, ModelError

Models = Callable[[str], Endpoint | None]
"""Returns the configured model of that name, or for "" the first that fits, None where none is configured. Raises `ModelError`."""


def no_models(name: str) -> Endpoint | None:
    """Return no model."""
    del name
    return None


def door_for(task: Task, workspace: Workspace, models: Models) -> tuple[Door | None, str]:
    """Return the door that a task lets its program have, or None and why, "" where none is to be had.

    Raises `ModelError` where the task names a model that is not there.
    """
    try:
        endpoint = None if task.model is None else models(task.model)
        return (None if endpoint is None else Door(endpoint, workspace)), ""
    except ModelError as error:
        if task.model:
            raise
        # Nobody asked for a model: most programs that need one bring an address of their own, or do without.
        return None, f"no model: {error}"
