"""The turns of an agent: prompted, checked, told what is wrong, and prompted again, as long as it gets on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents import shown
from agents.acp import brief
from agents.acp.errors import AcpTrouble
from agents.acp.session import Session, Turn
from agents.acp.settings import Settings
from agents.agent import Task, Workspace
from agents.checked import Check
from agents.door import Door, door_for
from agents.wording import plain
from verifier import Ran

if TYPE_CHECKING:
    from agents.acp.agent import AcpAgent

_FIRST, _MODEL = "acp_first", "acp_model"
_SAID_CHARACTERS = 2_000
_NEEDS = "A clearer ticket, or another agent."
_ENDS: Mapping[str, str] = {
    "refusal": "The agent refused to go on",
    "cancelled": "The agent gave its turn up",
    "max_tokens": "The agent used up its tokens",
    "max_turn_requests": "The agent used up its requests",
}
_FINAL = frozenset({"refusal", "cancelled"})
"""Ends of a turn after which the agent is not asked again."""


def lead(agent: AcpAgent, task: Task, workspace: Workspace) -> Mapping[str, object]:
    """Lead an agent to the end of its work; return why it is not done (empty where it is), what it said last, and what is needed."""
    known = next((step.data for step in workspace.journal() if step.kind == f"note:{_FIRST}"), None)
    first = known or _as_it_is(workspace)
    if first["silent"]:
        return {
            "why": f"The suite says nothing: {first['tests']}",
            "needs": "Make the test command run, then ask again.",
        }
    text = brief.first(task, workspace, str(first["tests"]))
    if known is not None:
        text = brief.resumed(text, tuple(workspace.change().paths()))
    bad = first["bad"]
    check = Check(task, workspace, frozenset(map(str, bad)) if isinstance(bad, list) else frozenset())
    door, why = door_for(task, workspace, agent.models)
    turns = _Turns(workspace, check, agent.settings)
    with door or nullcontext():
        turns.take(agent, door, text, task.suite.python or "python3")
        told = why or (f"the model: {door.told}" if door is not None else "")
    if told:
        workspace.note(_MODEL, {"told": told}, progress=told)
    return {"why": turns.why, "said": turns.said[-_SAID_CHARACTERS:], "needs": turns.needs}


def _as_it_is(workspace: Workspace) -> Mapping[str, object]:
    """Run the tests before any change, and journal what they say."""
    report = workspace.test()
    silent = report.ran in (Ran.NOT_STARTED, Ran.NOTHING_COLLECTED)
    tests = plain(report.why or report.output[-500:]) if silent else shown.report(report)
    data = {"silent": silent, "bad": list(report.bad()), "tests": tests}
    workspace.note(_FIRST, data)
    return data


@dataclass(slots=True)
class _Turns:
    """What comes of an agent's turns: what it said last, and why the work is not done, empty where it is."""

    workspace: Workspace
    check: Check
    settings: Settings
    said: str = ""
    why: str = ""
    needs: str = _NEEDS

    def take(self, agent: AcpAgent, door: Door | None, text: str, python: str) -> None:
        """Run the agent for all its turns. Where it fails, what it did is kept."""
        try:
            with Session(self.workspace, self.settings, door) as session:
                session.start(agent.command, agent.environment, python)
                self._lead(session, text)
        except AcpTrouble as error:
            self.workspace.keep()
            self.why, self.needs = f"The agent could not go on: {error.why}.", error.needs or _NEEDS

    def _lead(self, session: Session, text: str) -> None:
        """Prompt again and again, until the work holds or goes nowhere."""
        idle, tree = 0, self.workspace.change().tree
        for number in range(1, self.settings.turns + 1):
            turn = self._turn(session, text)
            now = self.workspace.change().tree
            idle, tree = (idle + 1 if now == tree else 0), now
            wrong = self.check.wrong()
            end = _ENDS.get(turn.stop, "The agent ended its turn")
            self.why = f"{end}, and it is not done: {wrong.splitlines()[0]}" if wrong else ""
            if not wrong or turn.stop in _FINAL or idle >= self.settings.idle or number == self.settings.turns:
                return
            text = brief.again(wrong, brief.findings(self.workspace))

    def _turn(self, session: Session, text: str) -> Turn:
        try:
            turn = session.turn(text)
        except AcpTrouble:
            self.said = session.last_words() or self.said
            raise
        self.said = turn.said or self.said
        self.workspace.keep()
        return turn
