"""Rounds: something that a thread does again and again, and at once when somebody says that there may be something to do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)


class Rounds:
    """Calls `step`, which does what is due, every `idle_s` seconds and whenever nudged; `done` hears that it did something."""

    def __init__(
        self, name: str, step: Callable[[], object], idle_s: float, done: Callable[[], None] = lambda: None
    ) -> None:
        self._step = step
        self._idle_s = idle_s
        self._done = done
        self._ending = threading.Event()
        self._nudged = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def nudge(self) -> None:
        """Say that there may be something to do."""
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
                _log.exception("the %s met what no step could keep", self._thread.name)
            self._nudged.wait(self._idle_s)
            self._nudged.clear()
