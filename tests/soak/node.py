"""A worker that dies: `python -m tests.soak.node celery|embedded STATE BOOK KILLS WORKERS`, its store and broker named by the environment."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from agents import Finish, Reply, Request, Role, ScriptedModel, ToolCall
from agents.conversation import ConversationAgent
from orchestrator.crew import Crew
from orchestrator.wiring import real_engines
from tests.orchestrator import project
from tests.orchestrator.atwork import work
from tests.soak.deadly import Book, DeadlyStore

TURNS: tuple[tuple[str, dict[str, object]], ...] = (
    ("write", {"path": "helper.py", "content": "START = 0\n"}),
    ("run", {"command": "sleep 0.3; cat sums.py"}),
    ("write", {"path": "sums.py", "content": project.FIXED}),
    ("done", {"title": "Count all numbers", "explanation": "The first one was left out."}),
)
"""What the model does, a call each turn."""
NAMED = "ticket number "
"""Stands in each ticket's text, before a number of its own."""


def answers(book: Book) -> ScriptedModel:
    """Return a model that knows from what it is told alone where it is; each question is written down before it is answered."""

    def answer(request: Request) -> Reply:
        turn = sum(message.role is Role.ASSISTANT for message in request.messages)
        if request.tools[0].name == "read_file":
            if turn:
                return Reply("It is vermilion.")
            name: str = "read_file"
            given: dict[str, object] = {"path": "notes/colour.txt"}
        else:
            name, given = TURNS[turn]
            whole = "".join(message.text for message in request.messages)
            book.note("asked", ticket=int(whole.partition(NAMED)[2].split()[0]), turn=turn)
        return Reply("", (ToolCall(f"call_{turn}", name, json.dumps(given)),), finish=Finish.TOOLS)

    return ScriptedModel([answer] * 1_000)


def main(kind: str, state: Path, book: Book, workers: int) -> None:
    """Work until somebody ends it."""
    engines = replace(real_engines(state), agent=lambda *_: ConversationAgent(answers(book), count=len))
    url = os.environ.get("NIGHTCREW_STORE") or f"sqlite:///{state}/nightcrew.db"

    def open_crew() -> Crew:
        crew = Crew(state, project.settings(state), engines=engines, store=DeadlyStore(url, book))
        crew.sweep()
        return crew

    work(kind, open_crew, workers, 0.2)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Book(Path(sys.argv[3]), int(sys.argv[4])), int(sys.argv[5]))
