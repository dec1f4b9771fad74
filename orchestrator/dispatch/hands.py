"""Hands: threads that work on queued tickets, each with a crew of its own, until they are told to end or nothing is left."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from orchestrator.crew import Crew
from orchestrator.dispatch.gate import Gate
from orchestrator.errors import WrongStatus
from orchestrator.records import Event, JobReport

Told = Callable[[str, Event], None]
"""Takes what happens to a ticket, from any hand's thread."""
Done = Callable[[Crew, JobReport], None]
"""Takes a job that came to an end, from the thread and with the crew of the hand that had it."""
_LOOK_S = 0.2
_log = logging.getLogger(__name__)


class Hands:
    """`count` hands that take what `gate` lets through, `limit` jobs at most.

    With `idle_s` they look again that often, and log what no job could keep; without it each ends when there is nothing for it,
    and `failures` has such errors.
    """

    def __init__(
        self,
        open_crew: Callable[[], Crew],
        gate: Gate,
        told: Told,
        done: Done,
        *,
        count: int = 1,
        limit: int | None = None,
        idle_s: float | None = None,
    ) -> None:
        self.open_crew = open_crew
        self.gate = gate
        self.told = told
        self.done = done
        self.idle_s = idle_s
        self.ending = threading.Event()
        self.failures: list[Exception] = []
        self._left = limit
        self._lock = threading.Lock()
        self._hands = [_Hand(self, number) for number in range(1, count + 1)]

    def start(self) -> None:
        """Begin to work."""
        for hand in self._hands:
            hand.thread.start()

    def nudge(self) -> None:
        """Say that there is something in the queue."""
        for hand in self._hands:
            hand.nudged.set()

    def end(self, wait_s: float) -> bool:
        """End at the next step of each job in hand, its work kept; say whether that was within `wait_s`."""
        self.ending.set()
        for hand in self._hands:
            hand.stop()
        waited = threading.Event()
        for _ in range(int(wait_s / _LOOK_S) + 1):
            if not self.working():
                return True
            waited.wait(_LOOK_S)
        return not self.working()

    def working(self) -> bool:
        """Say whether any hand has not ended."""
        return any(hand.thread.is_alive() for hand in self._hands)

    def wait(self) -> None:
        """Wait until every hand has ended; Ctrl-C arrives meanwhile."""
        for hand in self._hands:
            while hand.thread.is_alive():
                hand.thread.join(_LOOK_S)

    def take(self) -> bool:
        """Count a job that is about to be claimed; False where there were as many as there may be."""
        with self._lock:
            if self._left is not None:
                if self._left == 0:
                    return False
                self._left -= 1
            return True

    def give_back(self) -> None:
        """Take back what `take` counted: there was no job."""
        with self._lock:
            if self._left is not None:
                self._left += 1


class _Hand:
    """One of them."""

    def __init__(self, hands: Hands, number: int) -> None:
        self._hands = hands
        self._crew: Crew | None = None
        self._ticket = ""
        self.nudged = threading.Event()
        self.thread = threading.Thread(target=self._work, name=f"hand {number}", daemon=True)

    def stop(self) -> None:
        """Have the job in hand stop; whoever is idle looks whether it is to end."""
        self.nudged.set()
        crew, ticket = self._crew, self._ticket
        if crew is not None and ticket:
            # It may have ended just now; or somebody stopped it, who will find it as the others leave theirs.
            with suppress(WrongStatus):
                crew.stop(ticket)

    def _work(self) -> None:
        self._guarded(self._open)

    def _open(self) -> bool:
        with self._hands.open_crew() as crew:
            self._crew = crew
            self._go_on(crew)
            self._crew = None
        return True

    def _go_on(self, crew: Crew) -> None:
        while not self._hands.ending.is_set() and self._hands.take():
            if self._guarded(lambda: self._next(crew)):
                continue
            self._hands.give_back()
            if self._hands.idle_s is None:
                return
            self.nudged.wait(self._hands.idle_s)
            self.nudged.clear()

    def _next(self, crew: Crew) -> bool:
        """Work on the next ticket; say whether there was one."""
        try:
            report = crew.work_next(self._watch, self._hands.gate)
        finally:
            self._ticket = ""
        if report is not None:
            self._hands.done(crew, report)
        return report is not None

    def _guarded(self, do: Callable[[], bool]) -> bool:
        """Do something that ends no other hand, nor this one; False where it failed."""
        try:
            return do()
        except Exception as error:  # noqa: BLE001 - the worker's boundary: what one ticket meets ends nothing else
            self._hands.failures.append(error)
            if self._hands.idle_s is not None:
                _log.error("a worker met what no job could keep", exc_info=error)
            return False

    def _watch(self, event: Event) -> None:
        if not self._ticket and self._crew is not None:
            self._ticket = self._crew.ticket_of(event.job)
        self._hands.told(self._ticket, event)
        if self._hands.ending.is_set() and event.kind != "done":
            raise KeyboardInterrupt
