"""What an agent tells of its work: kept for the journal, bounded, and shown to whoever watches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.acp.asked import Telling, Told
from agents.agent import Workspace
from agents.wording import plain

SAID_CHARACTERS = 20_000
NOTES = 300
"""Of each kind: more are counted, and neither journaled nor shown."""
_PROGRESS_CHARACTERS = 120
_KEEP_S = 10.0
_DONE = frozenset({"completed", "failed"})


def short(text: str) -> str:
    """Return a text as one safe line."""
    return " ".join(plain(text).split())[:_PROGRESS_CHARACTERS]


@dataclass(slots=True)
class Heard:
    """Takes in what is told during one turn after the other. `muted` while an agent repeats what an earlier life told."""

    workspace: Workspace
    muted: bool = False
    _said: dict[Telling, str] = field(default_factory=dict)
    _tools: int = 0
    _plan: str = ""
    _plans: int = 0
    _permissions: int = 0
    _kept_at: float = field(default_factory=time.monotonic)

    def take(self, told: Told) -> None:
        """Take in one thing."""
        if self.muted:
            return
        if told.what in (Telling.MESSAGE, Telling.THOUGHT):
            self._said[told.what] = (self._said.get(told.what, "") + told.text)[-SAID_CHARACTERS:]
        elif told.what is Telling.PLAN:
            self._take_plan(told.text)
        elif told.what is Telling.TOOL:
            self._take_tool(told)

    def permitted(self, title: str, paths: Sequence[str], refused: str) -> None:
        """Journal a request for permission, and why it was refused, "" where it was granted."""
        self._permissions += 1
        if self._permissions <= NOTES:
            data = {"title": short(title), "paths": [short(path) for path in paths[:20]], "refused": refused}
            progress = f"not permitted: {short(title)} ({refused})" if refused else ""
            self.workspace.note("acp_permission", data, progress=progress)

    def turn(self, number: int, stop: str) -> str:
        """Journal how a turn went, and return what the agent said last in it."""
        said, thought = (plain(self._said.pop(what, "")).strip() for what in (Telling.MESSAGE, Telling.THOUGHT))
        data = {"turn": number, "stop": stop, "said": said, "thought": thought, "tools": self._tools}
        self.workspace.note("acp_turn", data, progress=f"turn {number} ended ({stop})")
        return said

    def _take_plan(self, text: str) -> None:
        plan = plain(text)[:SAID_CHARACTERS]
        if plan != self._plan and self._plans < NOTES:
            self._plan, self._plans = plan, self._plans + 1
            under_way = [line for line in plan.splitlines() if line.startswith("in_progress: ")]
            progress = f"plan: {short(under_way[0].partition(': ')[2])}" if under_way else ""
            self.workspace.note("acp_plan", {"plan": plan}, progress=progress)

    def _take_tool(self, told: Told) -> None:
        if told.status in _DONE:
            self._keep()
        title = short(told.text)
        if title and told.status not in _DONE:
            self._tools += 1
            if self._tools <= NOTES:
                self.workspace.note("acp_tool", {"id": told.tool[:100], "title": title}, progress=title)

    def _keep(self) -> None:
        """Keep what the agent may have written by itself, now and then: a crash loses no more than that."""
        now = time.monotonic()
        if now - self._kept_at >= _KEEP_S:
            self._kept_at = now
            self.workspace.keep()
