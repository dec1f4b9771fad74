"""The shift: threads that work on queued tickets while the server runs."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.crew import Crew
from orchestrator.dispatch.gate import Gate
from orchestrator.dispatch.hands import Hands
from orchestrator.records import Event, JobReport, Status
from orchestrator.web.live import Happening

IDLE_S = 2.0
"""How often the queue is looked at while nobody says that there is something in it."""


class Shift:
    """Works through the queue with `workers` hands, as `gate` lets jobs begin, and tells `publish` what happens."""

    def __init__(
        self,
        open_crew: Callable[[], Crew],
        publish: Callable[[Happening], None],
        workers: int = 1,
        gate: Gate = Gate(),
    ) -> None:
        self._publish = publish
        self._hands = Hands(open_crew, gate, self._told, self._done, count=workers, idle_s=IDLE_S)

    def start(self) -> None:
        """Begin to work."""
        self._hands.start()

    def nudge(self) -> None:
        """Say that there is something in the queue."""
        self._hands.nudge()

    def end(self, wait_s: float) -> bool:
        """End at the next step, the jobs in hand queued again with their work kept; say whether that was within `wait_s`."""
        return self._hands.end(wait_s)

    def _told(self, ticket: str, event: Event) -> None:
        self._publish(Happening("step", ticket, event.text, event.at))

    def _done(self, crew: Crew, report: JobReport) -> None:
        if self._hands.ending.is_set() and report.status in (Status.PAUSED, Status.STOPPED):
            crew.enqueue(report.ticket.id)
