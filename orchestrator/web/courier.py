"""The courier: a thread that takes to forges and trackers what is due for them, while the server runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

IDLE_S = 5.0
"""How often it is asked what is due while nobody says that there is something."""
_log = logging.getLogger(__name__)


class Courier:
    """Calls `step`, which does what is due and returns a line for each, whenever there may be something; `done` hears that there was."""

    def __init__(self, step: Callable[[], tuple[str, ...]], done: Callable[[], None]) -> None:
        self._step = step
        self._done = done
        self._ending = threading.Event()
        self._nudged = threading.Event()
        self._thread = threading.Thread(target=self._work, name="courier", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def nudge(self) -> None:
        """Say that there may be something to take."""
        self._nudged.set()

    def end(self, wait_s: float) -> bool:
        """End after the present step; say whether that was within `wait_s`. What was not done is done later, by whoever is next."""
        self._ending.set()
        self._nudged.set()
        if self._thread.is_alive():
            self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while not self._ending.is_set():
            try:
                if self._step():
                    self._done()
            except Exception:  # noqa: BLE001 - a boundary: what is due stays due, and is tried again
                _log.exception("the courier met what no step could keep")
            self._nudged.wait(IDLE_S)
            self._nudged.clear()
