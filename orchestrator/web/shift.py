"""The shift: a thread that works on queued tickets, one after the other, while the server runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import lru_cache

from orchestrator.crew import Crew
from orchestrator.records import Event
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
        if self._thread.is_alive():
            self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        with self._open_crew() as crew:
            ticket_of = lru_cache(maxsize=256)(crew.ticket_of)

            def watch(event: Event) -> None:
                self._publish(Happening("step", ticket_of(event.job), event.text, event.at))
                if self._ending.is_set() and event.kind != "done":
                    raise KeyboardInterrupt

            while not self._ending.is_set():
                try:
                    report = crew.work_next(watch)
                except Exception:  # noqa: BLE001 - the worker's boundary: what one ticket meets ends no shift
                    _log.exception("the shift met what no job could keep")
                    report = None
                if report is not None and report.interrupted:
                    crew.enqueue(report.ticket.id)
                if report is None:
                    self._nudged.wait(IDLE_S)
                    self._nudged.clear()
