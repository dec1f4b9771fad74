"""The morning: a thread that writes the digest of the day where a schedule says when, while the server runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from orchestrator.errors import OrchestratorError
from orchestrator.reporting.digest import Digest
from orchestrator.reporting.digestmarkdown import digest_markdown
from orchestrator.schedule import Schedule
from orchestrator.working.allowance import DAY_S
from shadowfs import ShadowfsError

LOOK_S = 30.0
"""How often the clock is looked at: a machine that slept is late by no more."""
LATE_S = 12 * 3_600.0
"""How long after its time a digest is still written, where nobody was there to write it."""
_log = logging.getLogger(__name__)


class Morning:
    """Writes `digest(since)` into `folder`, as `YYYY-MM-DD.md`, at the times of `schedules`; of several on a day the last one stays."""

    def __init__(
        self,
        folder: Path,
        digest: Callable[[float], Digest],
        schedules: Sequence[Schedule],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._digest = digest
        self._schedules = [each for each in schedules if each.digest_min is not None]
        self._clock = clock
        self._done = 0.0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="morning", daemon=True)

    def start(self) -> None:
        """Begin to look at the clock."""
        if self._schedules:
            self._thread.start()

    def nudge(self) -> None:
        """Do nothing: it is the clock that says when."""

    def end(self, wait_s: float) -> bool:
        """End, a digest in hand written first; say whether that was within `wait_s`."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(wait_s)
        return not self._thread.is_alive()

    def latest(self) -> Path | None:
        """Return where the latest digest lies."""
        return max(self._folder.glob("????-??-??.md"), default=None)

    def look(self) -> Path | None:
        """Write the digest that is due and not written yet; return where it lies."""
        now = self._clock()
        due = max(
            ((at, each) for each in self._schedules for at in each.digests(now) if at <= now), key=lambda pair: pair[0]
        )
        at, schedule = due
        if at <= self._done or now - at > LATE_S:
            return None
        self._done = at
        path = self._folder / f"{datetime.fromtimestamp(at, schedule.zone):%Y-%m-%d}.md"
        if path.exists() and path.stat().st_mtime >= at:
            return None
        digest = self._digest(at - DAY_S)
        if digest.empty:
            return None
        self._folder.mkdir(mode=0o700, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(digest_markdown(digest), "utf-8")
        partial.replace(path)
        return path

    def _work(self) -> None:
        while not self._ending.is_set():
            try:
                self.look()
            except (OrchestratorError, ShadowfsError, OSError):
                _log.exception("the digest could not be written; `nightcrew digest` tells the same")
            self._ending.wait(LOOK_S)
