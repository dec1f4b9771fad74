"""What an agent calls done, checked: something is changed, the failing tests pass, and no test broke that passed before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents import shown
from agents.agent import Task, Workspace
from verifier import Ran


@dataclass(frozen=True, slots=True)
class Check:
    """Knows which tests were bad before any change, `before`."""

    task: Task
    workspace: Workspace
    before: frozenset[str]

    def wrong(self) -> str:
        """Return why the work is not done, as an agent is told; empty where it is."""
        if not self.workspace.change():
            return "Nothing is changed."
        failing = self.task.failing
        if failing:
            named = self.workspace.test(failing)
            if named.ran is not Ran.COMPLETED or named.bad():
                return f"The tests that must pass do not: {shown.report(named)}"
        suite = self.workspace.test()
        broken = sorted(set(suite.bad()) - self.before - set(failing))
        if suite.ran is not Ran.COMPLETED or broken:
            return f"Tests that passed before do not pass now: {_few(broken)}\n{shown.report(suite)}"
        return ""


def _few(ids: Sequence[str]) -> str:
    return ", ".join(ids[:10]) + (f" and {len(ids) - 10} more" if len(ids) > 10 else "")
