"""Warmth: how a ticket's next request begins is sent to its pool ahead of it, with room for one token, while nobody asks anything.

It is sent while a sandbox is built, and again before a long run of tests ends. It costs tokens of the ticket's budget; what goes wrong costs warmth alone.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace

from agents import (
    Agent,
    AgentError,
    MeteredModel,
    ModelError,
    Opener,
    Priced,
    Reply,
    Request,
    Task,
    Trouble,
    Usage,
    recall,
)
from orchestrator.errors import OrchestratorError
from orchestrator.records import Cost
from orchestrator.working.assignment import Assignment
from orchestrator.working.journal import Journal
from sandbox import Limits, Sandbox
from shadowfs import RepoPath, ShadowfsError, Snapshot, hiding
from verifier import Runner, Suite, SuiteReport

_MOST_S = 120.0
_END_S = 5.0
_FILES = (0o100644, 0o100755)
_CHARACTERS_A_TOKEN = 4
"""What is assumed of a request that was cut off."""


class Warmth:
    """Sends requests of one attempt ahead, one at a time, in the background."""

    def __init__(self, pooled: Priced, steps: Journal, opening: Callable[[], Request | None]) -> None:
        self._model = MeteredModel(pooled.model, _Purse(steps), pooled.price)
        self._steps = steps
        self._opening = opening
        self._cut = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Send what comes next, unless something is under way."""
        if self._thread is None or not self._thread.is_alive():
            self._cut.clear()
            self._thread = threading.Thread(target=self._send, daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Cut off what is under way, so that whoever asks now finds the whole budget. It may begin again."""
        self._cut.set()
        if self._thread is not None:
            self._thread.join(_END_S)

    def _send(self) -> None:
        try:
            request = self._next()
            if request is not None and not self._cut.is_set():
                self._model.complete(
                    replace(request, max_tokens=1, alternatives=0), deadline_s=_MOST_S, watch=self._watch(request)
                )
        except (AgentError, OrchestratorError, ShadowfsError):
            return

    def _next(self) -> Request | None:
        """Return the latest request, which the next one begins with; before there is one, what is known of it."""
        asked = [each for each in recall(self._steps.completed()).requests if each.model == self._model.name]
        return asked[-1].request if asked else self._opening()

    def _watch(self, request: Request) -> Callable[[str], None]:
        read = sum(len(each.text) for each in request.messages) // _CHARACTERS_A_TOKEN

        def look(piece: str) -> None:
            del piece
            if self._cut.is_set():
                # What the engine read by then is paid for.
                partial = Reply("", usage=Usage(read, 0, told=False))
                raise ModelError(Trouble.DEADLINE, "somebody asks in earnest", partial=partial)

        return look


@dataclass(slots=True)
class Warming:
    """Runs tests as `runner` does; where a run of the same tests took `long_s`, what is asked next is sent `ahead_s` before this one's end."""

    runner: Runner
    warmth: Warmth
    long_s: float = 30.0
    ahead_s: float = 10.0
    _seconds: dict[tuple[str, ...] | None, float] = field(default_factory=dict)
    """How long the last run of the same tests took."""

    def run(
        self, sandbox: Sandbox, suite: Suite, ids: Sequence[str] | None = None, limits: Limits = Limits()
    ) -> SuiteReport:
        """Run tests."""
        named = None if ids is None else tuple(ids)
        took_s = self._seconds.get(named, -1.0)
        timer = threading.Timer(took_s - self.ahead_s, self.warmth.begin) if took_s >= self.long_s else None
        if timer is not None:
            timer.daemon = True
            timer.start()
        began = time.monotonic()
        try:
            return self.runner.run(sandbox, suite, ids, limits)
        finally:
            self._seconds[named] = time.monotonic() - began
            if timer is not None:
                timer.cancel()
                timer.join()
            self.warmth.close()


@contextmanager
def warmed(
    work: Assignment, steps: Journal, name: str, agent: Agent, task: Task, snapshot: Snapshot, base: str
) -> Iterator[Runner]:
    """Send the first request of an attempt ahead, where its model is at a pool; give what runs its tests."""
    pooled = work.engines.pooled(name, work.ticket.alias)
    if pooled is None:
        yield work.engines.runner
        return
    with closing(Warmth(pooled, steps, _opening(agent, task, snapshot, base))) as warmth:
        if not steps.completed():
            warmth.begin()
        yield Warming(work.engines.runner, warmth)


def _opening(agent: Agent, task: Task, snapshot: Snapshot, base: str) -> Callable[[], Request | None]:
    """Return what tells how an agent's first request will begin, over the files of a tree."""

    def read(path: RepoPath) -> bytes:
        entry = snapshot.depot.entries(base).get(path)
        if entry is None or entry.mode not in _FILES or hiding(snapshot.secret_patterns)(os.fsencode(path), True):
            return b""
        return snapshot.depot.read(entry.blob)

    return lambda: agent.opening(task, read) if isinstance(agent, Opener) else None


@dataclass(frozen=True, slots=True)
class _Purse:
    """The attempt's budget, as a model's call wants it."""

    steps: Journal

    def reserve(self, usd: float, tokens: int = 0) -> int:
        return self.steps.reserve(usd, tokens)

    def settle(self, reservation: int, tokens_in: int, tokens_out: int, usd: float) -> None:
        self.steps.settle(reservation, Cost(0.0, tokens_in, tokens_out, usd))
