"""The agent whose next step is a client's next call. It knows nothing of the protocol, and the way of a ticket nothing of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from agents import NoFix, Proposal, Result, Task, Workspace, title
from orchestrator.mcp import answers
from orchestrator.mcp.answers import refused
from orchestrator.mcp.desk import Answer, Call, Desk
from orchestrator.mcp.hands import Hands
from orchestrator.plain import plain
from orchestrator.records import CLIENT
from verifier import Verdict

_POLL_S = 0.5


@dataclass(slots=True)
class ClientAgent:
    """Does what a client calls for until it submits a change or gives up. `ticket` is the one in hand.

    `submitted` is the tree that was submitted last, in an earlier life perhaps: where the ladder refused it, the client goes on from there;
    `verdict` returns what the ladder said last.
    """

    desk: Desk
    ticket: str = ""
    submitted: str = ""
    verdict: Callable[[], Verdict | None] = lambda: None
    name: str = CLIENT

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Serve calls. Where the ladder refused what was submitted before, the client is told, and goes on."""
        self.desk.note(ends_at=time.monotonic() + workspace.remaining_s())
        if task.refused and self.submitted and not workspace.change():
            workspace.restore(self.submitted)
        self.desk.answer(self._greeting(task, workspace))
        with Hands(task, workspace) as hands:
            while True:
                ended = self._next(hands)
                if ended is not None:
                    return ended

    def _greeting(self, task: Task, workspace: Workspace) -> Answer:
        """Return what answers the call that brought us here: `begin`, or a `submit` that the ladder refused."""
        call = self.desk.in_hand
        if call is not None and call.name == "submit":
            return answers.refused_change(self.ticket, self.verdict(), workspace)
        changed = [f"{file.kind} {file.path}" for file in workspace.change().files]
        data = {
            "ticket": self.ticket,
            "base": workspace.change().base,
            "failing": list(task.failing),
            "protected": sorted(task.protected),
            "changed": changed,
            "goes_on": bool(changed),
            "seconds_left": round(workspace.remaining_s(), 1),
        }
        lines = [f"Ticket {self.ticket} is open, with {data['seconds_left']:g} seconds. Its text:", plain(task.text)]
        lines += [f"These tests must pass: {', '.join(task.failing)}"] if task.failing else [_UNNAMED]
        lines += [f"These files are protected: {', '.join(sorted(task.protected))}"] if task.protected else []
        lines += [f"The shadow goes on from where it stood: {', '.join(changed)}"] if changed else []
        lines += (
            ["The ladder refused what was submitted before:", *answers.rung_lines(self.verdict())]
            if task.refused
            else []
        )
        return Answer(answers.cut("\n".join(lines))[0], data)

    def _next(self, hands: Hands) -> Result | None:
        workspace = hands.workspace
        workspace.check()
        call = self.desk.take(min(_POLL_S, workspace.remaining_s()))
        if call is None:
            return None
        if call.name == "submit":
            return self._submitted(call, workspace)
        if call.name == "abandon":
            return NoFix(f"the client gave up: {plain(str(call.given['why'])).strip() or 'it did not say why'}")
        if call.name == "begin":
            self.desk.answer(
                refused(f"ticket {self.ticket} is open: `submit` or `abandon` it before you begin another")
            )
            return None
        answer = hands.do(call.name, call.given)
        self.desk.note(shadows=hands.shadows)
        self.desk.answer(answer)
        return None

    def _submitted(self, call: Call, workspace: Workspace) -> Result | None:
        """Return the proposal; the call stays in hand until the ladder has spoken."""
        change = workspace.change()
        if not change:
            self.desk.answer(
                refused("nothing is changed in the ticket's own shadow: `edit` it, or `adopt` a fork, then submit")
            )
            return None
        self.submitted = change.tree
        return Proposal(change, title(str(call.given["title"])), plain(str(call.given["explanation"])).strip())


_UNNAMED = "No failing test is named: without one that goes from failing to passing nothing can be verified."
