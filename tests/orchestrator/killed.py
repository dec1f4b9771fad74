"""A worker that is killed by itself: `python -m tests.orchestrator.killed STATE REPOSITORY NTH` ends with SIGKILL at its nth write to the store.

Even ones die before the write, odd ones after it; with NTH 0 it lives, and prints how many writes there were. A fourth word is
the option that answers the question which the agent then asks, or words that answer a model's.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agents import (
    Agent,
    Ask,
    Finish,
    NoFix,
    Proposal,
    Reply,
    Request,
    Result,
    Role,
    ScriptedAgent,
    ScriptedModel,
    Task,
    ToolCall,
    Workspace,
    Write,
)
from agents.conversation import ConversationAgent
from orchestrator.crew import Crew
from orchestrator.records import Order, Status
from orchestrator.store.sql.store import SqlStore
from orchestrator.wiring import real_engines
from tests.orchestrator import project

WRITES = ("record", "end", "put_attempt", "begin", "finish", "put_verdict", "put_outgoing", "deliver")


class Patient:
    """An agent that edits in two steps, and does neither twice."""

    name = "patient"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Write what the journal does not have yet."""
        del task
        done = {str(step.data["path"]) for step in workspace.journal() if step.kind == "write"}
        for path, data in (("helper.py", b"START = 0\n"), ("sums.py", project.FIXED.encode())):
            if path not in done:
                workspace.write(path, data)
        workspace.note("thought", {"about": "nothing"})
        change = workspace.change()
        return Proposal(change, "Count all numbers", "The first one was left out.") if change else NoFix("nothing")


class Deadly(SqlStore):
    """A store whose nth write kills this process."""

    def __init__(self, url: str, nth: int) -> None:
        super().__init__(url)
        self.nth = nth
        self.count = 0

    def __getattribute__(self, name: str) -> Any:
        method = super().__getattribute__(name)
        return self._dying(method) if name in WRITES else method

    def _dying(self, method: Any) -> Any:
        def write(*args: Any, **given: Any) -> Any:
            self.count += 1
            dies = self.count == self.nth
            if dies and self.nth % 2 == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            result = method(*args, **given)
            if dies:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return write


class Hearing:
    """An agent that is right once it is told what the ladder said of its first proposal."""

    name = "hearing"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Write what is asked for by the failing test alone, then what is right."""
        workspace.write("sums.py", project.FIXED.encode() if task.refused else project.WRONG)
        return Proposal(workspace.change(), "Count all numbers", "It was told so." if task.refused else "A guess.")


@dataclass(frozen=True, slots=True)
class Spoken:
    """An agent that is right once somebody said so, which happens in the middle of its first attempt, to the store at `url`."""

    url: str
    name: str = "spoken"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Write a helper; once it was told, what is right."""
        if SAID in task.text:
            workspace.write("sums.py", project.FIXED.encode())
            return Proposal(workspace.change(), "Count all numbers", task.text)
        workspace.write("helper.py", b"START = 0\n")
        store = SqlStore(self.url)
        if not store.messages.said(1):
            assert store.messages.say(1, "ann", SAID, (Status.WORKING,))
        store.close()
        workspace.note("thought", {"about": "nothing"})
        return NoFix("nobody said anything")


OPTIONS = (project.FIXED, project.FIXED.replace("result += number", "result = result + number"))
ASKING = ScriptedAgent([Ask("which?", tuple(Write("sums.py", option.encode()) for option in OPTIONS))])
TALK: tuple[tuple[str, dict[str, object]], ...] = (
    ("write", {"path": "helper.py", "content": "START = 0\n"}),
    ("ask", {"question": "Shall it count them all?", "answers": ["yes", "no"]}),
    ("write", {"path": "sums.py", "content": project.FIXED}),
    ("done", {"title": "Count all numbers", "explanation": "The first one was left out."}),
)
"""What a model does, a call each turn, once it has shown that it can call."""


def talking() -> Agent:
    """Return an agent of a model that knows from what it is told alone where it is."""

    def answer(request: Request) -> Reply:
        turn = sum(message.role is Role.ASSISTANT for message in request.messages)
        probed = request.tools[0].name == "read_file"
        if probed and turn:
            return Reply("It is vermilion.")
        name, given = ("read_file", {"path": "notes/colour.txt"}) if probed else TALK[turn]
        return Reply("", (ToolCall(f"call_{turn}", name, json.dumps(given)),), finish=Finish.TOOLS)

    return ConversationAgent(ScriptedModel([answer] * 20), count=len)


SPOKEN, SAID = "spoken", "count the first one, too"
"""Instead of an answer: an agent that is told something while it works; and what."""
HEARS = "hears"
"""Instead of an answer: an agent whose first proposal the ladder refuses."""


def main(state: Path, repository: Path, nth: int, answer: str = "") -> None:
    """Work on a ticket; go on with the one there is, if there is one, and answer what it asks."""
    store = Deadly(os.environ.get("NIGHTCREW_STORE") or f"sqlite:///{state}/nightcrew.db", nth)
    agent = (ASKING if answer.isdecimal() else talking()) if answer else Patient()
    if answer == HEARS:
        agent, answer = Hearing(), ""
    elif answer == SPOKEN:
        agent, answer = Spoken(f"sqlite:///{state}/nightcrew.db"), ""
    engines = replace(real_engines(state), agent=lambda *_: agent)
    # A mount is ended and begun again where the agent is patient; the others would only wait for it.
    driver = None if isinstance(agent, Patient) else "copy"
    with Crew(state, project.settings(state, driver=driver), engines=engines, store=store) as crew:
        crew.sweep()
        known = [report for report in crew.list() if report.status.resumable]
        named = "acp:x" if isinstance(agent, Hearing) else "command:true"
        order = Order("total() forgets a number", repository, failing=(project.FAILING,), agent=named)
        done = [report for report in crew.list() if not report.status.resumable]
        if known and known[0].question and answer:
            report = crew.answer(known[0].ticket.id, int(answer) if answer.isdecimal() else answer)
        else:
            report = crew.resume(known[0].ticket.id) if known else done[0] if done else crew.fix(order)
    sys.stdout.write(f"{store.count} {report.status} {report.why}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
