"""Taking: what a worker's process does when a message wakes it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from orchestrator.crew import Crew
from orchestrator.dispatch.gate import Gate
from orchestrator.records import Event, Status

_log = logging.getLogger(__name__)


class Taker:
    """Works on one job for each message, with a crew that stays open between them.

    It is the most wanted job of those that may begin, usually the one of the message: what was filed later and is wanted more has no
    message in front. Once `ending` says so, the job in hand ends at its next step and is queued again, its work kept.
    """

    def __init__(self, open_crew: Callable[[], Crew], gate: Gate, ending: Callable[[], bool]) -> None:
        self._open_crew = open_crew
        self._gate = gate
        self._ending = ending
        self._crew: Crew | None = None

    def take(self) -> bool:
        """Work on the next job to its end; say whether there was one."""
        if self._ending():
            return False
        crew = self._crew = self._crew or self._open_crew()
        report = crew.work_next(self._watch, self._gate)
        if report is None:
            return False
        _log.info("ticket %s: %s %s", report.ticket.id, report.status, report.why, extra={"ticket": report.ticket.id})
        if report.interrupted or (self._ending() and report.status in (Status.PAUSED, Status.STOPPED)):
            crew.enqueue(report.ticket.id)
        return True

    def _watch(self, event: Event) -> None:
        _log.debug("job %d: %s %s", event.job, event.kind, event.text, extra={"job": event.job})
        if self._ending() and event.kind != "done":
            raise KeyboardInterrupt
