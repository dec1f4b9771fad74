"""The shift: a thread that works on queued tickets, one after the other, while the server runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from orchestrator.crew import Crew
from orchestrator.errors import WrongStatus
from orchestrator.records import Event, Status
from orchestrator.web.live import Happening

IDLE_S = 2.0
"""How often the queue is looked at while nobody says that there is something in it."""
_log = logging.getLogger(__name__)


class Shift:
    """Works through the queue of a crew of its own, and tells `publish` what happens."""

    def __init__(self, open_crew: Callable[[], Crew], publish: Callable[[Happening], None]) -> None:
        self._open_crew = open_crew
        self._publish = publish
        self._ending = threading.Event()
        self._nudged = threading.Event()
        self._crew: Crew | None = None
        self._ticket = ""
        self._thread = threading.Thread(target=self._work, name="shift", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def nudge(self) -> None:
        """Say that there is something in the queue."""
        self._nudged.set()

    def end(self, wait_s: float) -> bool:
        """End at the next step, the job in hand queued again with its work kept; say whether that was within `wait_s`."""
        self._ending.set()
        self._nudged.set()
        crew, ticket = self._crew, self._ticket
        if crew is not None and ticket:
            # It may have ended just now; or somebody stopped it, who will find it queued.
            with suppress(WrongStatus):
                crew.stop(ticket)
        if self._thread.is_alive():
            self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        with self._open_crew() as crew:
            self._crew = crew
            while not self._ending.is_set():
                if not self._next(crew):
                    self._nudged.wait(IDLE_S)
                    self._nudged.clear()
            self._crew = None

    def _next(self, crew: Crew) -> bool:
        """Work on the next ticket; say whether there was one."""

        def watch(event: Event) -> None:
            if not self._ticket:
                self._ticket = crew.ticket_of(event.job)
            self._publish(Happening("step", self._ticket, event.text, event.at))
            if self._ending.is_set() and event.kind != "done":
                raise KeyboardInterrupt

        try:
            report = crew.work_next(watch)
        except Exception:  # noqa: BLE001 - the worker's boundary: what one ticket meets ends no shift
            _log.exception("the shift met what no job could keep")
            return False
        finally:
            self._ticket = ""
        if report is not None and self._ending.is_set() and report.status in (Status.PAUSED, Status.STOPPED):
            crew.enqueue(report.ticket.id)
        return report is not None
