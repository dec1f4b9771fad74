"""Several candidates in one child, one after the other: cheap, where the tests are seen to leave nothing behind.

Only failures are told from such a child, and only when the tests without a candidate look the same after them all as in a
process of their own: the same messages, each line executed as often, modules that hold the same. What passes is run again alone, with all tests; where
the look differs, or the child ends, the group is split.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from . import state, trace, words
from .told import Told

if TYPE_CHECKING:
    from .channel import Message
    from .live import Plan

MOST = 24
_TESTS = 3
_SLOW_S = 0.3
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_timer, _clock = signal.setitimer, time.process_time


class Late(BaseException):
    """Raised in the midst of a candidate that has used up its CPU time."""


class Sieve:
    """A few of the tests that candidates are to pass, and whether candidates may share a process for them."""

    def __init__(self, engine: Any, tree: words.Tree, held: state.State, tests: list[str]) -> None:
        self._engine = engine
        self._tree = tree
        self._held = held
        # Spread, since neighbours tend to be cases of one test.
        self._tests = [tests[at * (len(tests) - 1) // max(1, _TESTS - 1)] for at in range(_TESTS)] if tests else []
        self._tests = list(dict.fromkeys(self._tests))
        self._look: Message | None = None
        self._groups = self._splits = self._tried = self._passed = 0
        self.asked = False

    @property
    def shared(self) -> bool:
        """Say whether candidates may share a process."""
        useful = 2 * self._passed <= self._tried + 8
        return useful and self._look is not None and self._splits <= 4 + self._groups // 4

    # ---- in the process that forks

    def learn(self, message: Message) -> None:
        """Take in what `twice` said: the tests must look the same both times, and leave everything as it was."""
        looks = message.get("looks", [])
        unchanged = len(looks) == 2 and looks[0] == looks[1] and message["state"] == looks[0]["state"]
        if unchanged and message["seconds"] < _SLOW_S:
            outcomes = [outcome for _, outcome, _ in looks[0]["results"]]
            if len(outcomes) == len(self._tests) and set(outcomes) <= {"failed", "passed"}:
                self._look = looks[0]

    def holds(self, message: Message) -> bool:
        """Say whether a group ended as it began, so that what it says of its candidates is true."""
        self._groups += 1
        holds = message.get("look") == self._look
        self._tried += len(message.get("told", ()))
        self._passed += sum(each["ending"] == "passed" for each in message.get("told", ()))
        self._splits += not holds
        return holds

    # ---- in a child

    def twice(self, scratch: str) -> Message:
        """Run the tests twice as they are, and tell what both runs looked like."""
        before = self._state()
        first = self._look_now(scratch)
        began = _clock()
        return {"state": before, "looks": [first, self._look_now(scratch)], "seconds": _clock() - began}

    def together(self, group: list[tuple[Message, Plan]], scratch: str) -> Message:
        """Try candidates one after the other, up to one that is interrupted; tell of each, and what the tests look like then."""
        told: list[Message] = []
        for job, plan in group:
            told.append({**self._one(plan, job["cpu_s"], scratch), "n": job["n"]})
            if told[-1]["ending"] not in ("failed", "passed"):
                break
        return {"told": told, "look": self._look_now(scratch)}

    def _one(self, plan: Plan, cpu_s: float, scratch: str) -> Message:
        told, late = Told(), False

        def ring(*_: Any) -> None:
            nonlocal late
            late = True
            raise Late

        signal.signal(signal.SIGVTALRM, ring)
        # This one ends the process: for what does not let itself be interrupted.
        _timer(signal.ITIMER_PROF, 2 * cpu_s + 0.1)
        undo = plan()
        broken = ""
        try:
            try:
                _timer(signal.ITIMER_VIRTUAL, cpu_s)
                self._engine.run(self._tests, told, True, False, scratch)
            finally:
                _timer(signal.ITIMER_VIRTUAL, 0)
        except BaseException as error:  # noqa: BLE001 - whatever the tested code raised through its runner: it is run alone
            broken = type(error).__name__
        undo()
        if late:
            return {"ending": "timed out", "message": "it used up its CPU time"}
        return {"ending": "unclear", "message": broken} if broken else told.summary(False)

    def _look_now(self, scratch: str) -> Message:
        told, counts = Told(), trace.Counts(self._tree)
        counts.start()
        try:
            self._engine.run(self._tests, told, False, False, scratch)
        finally:
            number = counts.stop()
        results = [[each["id"], each["outcome"], _ADDRESS.sub("0x", each["message"])] for each in told.results]
        return {"results": results, "lines": number, "state": self._state()}

    def _state(self) -> list[Any]:
        environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
        counts = (sys.getrecursionlimit(), threading.active_count())
        return [self._held.number(), os.getcwd(), hash(frozenset(environment.items())), *counts]
