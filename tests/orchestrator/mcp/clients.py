"""A client without the protocol: what stands between it and nightcrew is a desk. Real crews, shadows, sandboxes and suites behind it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from agents import Agent
from orchestrator.crew import Crew
from orchestrator.mcp import Answer, Desk, Session
from orchestrator.records import CLIENT, Order
from orchestrator.wiring import real_engines
from tests.orchestrator import project

PATIENCE_S = 300.0


@dataclass(slots=True)
class Watch:
    """A clock of budgets that can be put forward."""

    ahead_s: float = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


@dataclass(slots=True)
class Client:
    """Calls tools, and waits for what comes of them."""

    desk: Desk
    state: Path
    repository: Path
    watch: Watch = field(default_factory=Watch)

    def call(self, name: str, **given: object) -> Answer:
        """Call a tool and wait for its answer."""
        return self.start(name, **given).result(PATIENCE_S)

    def start(self, name: str, **given: object) -> Future[Answer]:
        """Call a tool and do not wait."""
        return self.desk.hand_in(name, given)

    def begin(self, **given: object) -> str:
        """Begin a ticket on the project's bug and return its id."""
        answer = self.call("begin", **{"text": "total() forgets a number", "failing": [project.FAILING], **given})
        assert not answer.refused, answer.text
        return str(answer.data["ticket"])

    def fix(self, **given: object) -> Answer:
        """Make the edit that repairs the project."""
        return self.call(
            "edit", path="sums.py", old="    for number in numbers[1:]:", new="    for number in numbers:", **given
        )


@contextmanager
def serving(state: Path, repository: Path, seconds: float = 300.0) -> Iterator[Client]:
    """Serve a client for as long as the block lasts; it gives up what it left open."""
    watch = Watch()

    def crew(agent: Agent) -> Crew:
        # The mount takes longer to start than all the rest of a test.
        engines = replace(real_engines(state), agent=lambda *_: agent)
        return Crew(state, project.settings(state, driver="copy"), engines=engines, ticks=watch)

    def nobody() -> None:
        raise AssertionError("the client left in the middle of a job")

    desk = Desk(nobody)
    order = Order("", repository, agent=CLIENT, attempts=1, seconds=seconds, ask=False)
    worker = threading.Thread(target=Session(desk, order, crew, lambda _: None).serve)
    worker.start()
    client = Client(desk, state, repository, watch)
    try:
        yield client
    finally:
        if desk.standing.ticket:
            client.call("abandon", why="the test is over")
        desk.leave()
        worker.join()
