"""The crew: one facade over store, worker and delivery. What the command line, and later the API, call."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from orchestrator.records import Applied, Cost, JobReport, Order, StepRecord, Ticket, Watch
from orchestrator.settings import Settings


def _unseen(event: object) -> None:
    """Take an event nobody watches."""


class Crew:
    """Everything nightcrew can do with tickets, over the state directory `state`.

    `settings` are those of the repository that orders are filed for; each ticket carries its own from then on.
    Ticket arguments take an id or any prefix of it, or of its part after the dash, that names one ticket only.
    """

    def __init__(self, state: Path, settings: Settings = Settings(), *, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._settings = settings
        self._clock = clock

    def file(self, order: Order) -> Ticket:
        """Store a ticket and its job, then acknowledge it. Raises `OrderRefused`."""
        raise NotImplementedError

    def fix(self, order: Order, watch: Watch = _unseen) -> JobReport:
        """File `order` and work on it here and now; Ctrl-C pauses the job and returns its report."""
        raise NotImplementedError

    def work_next(self, watch: Watch = _unseen) -> JobReport | None:
        """Claim the oldest job that is ready and work on it; None where there is none."""
        raise NotImplementedError

    def list(self, repository: Path | None = None) -> tuple[JobReport, ...]:
        """Return all tickets, newest first, or those of one repository (without evidence and files)."""
        raise NotImplementedError

    def show(self, ticket: str) -> JobReport:
        """Return all that is known about a ticket. Raises `UnknownTicket`."""
        raise NotImplementedError

    def steps(self, ticket: str) -> tuple[StepRecord, ...]:
        """Return the journal of a ticket's job, in order."""
        raise NotImplementedError

    def diff(self, ticket: str) -> bytes:
        """Return the proposal that won as a git patch (binary safe). Raises `WrongStatus` where there is none."""
        raise NotImplementedError

    def apply(self, ticket: str) -> Applied:
        """Put the change into the user's working tree. Raises `WouldOverwrite` (nothing is written then), `WrongStatus`."""
        raise NotImplementedError

    def reject(self, ticket: str, reason: str = "") -> JobReport:
        """Mark a ticket's proposal as rejected; its branch stays."""
        raise NotImplementedError

    def stop(self, ticket: str) -> JobReport:
        """Ask whoever works on a ticket to stop at the next step; a job nobody works on is stopped at once."""
        raise NotImplementedError

    def resume(self, ticket: str, watch: Watch = _unseen, *, seconds: float = 0.0, usd: float = 0.0) -> JobReport:
        """Go on with a job where it stood, `seconds` and `usd` added to its budget. Raises `WrongStatus`."""
        raise NotImplementedError

    def review(self, repository: Path, ref: str, order: Order | None = None, watch: Watch = _unseen) -> JobReport:
        """Judge the commit `ref` against its merge base with `HEAD`; `order` may name tests, suite and limits. Nothing is delivered."""
        raise NotImplementedError

    def sweep(self) -> tuple[str, ...]:
        """Remove what killed processes left and make their jobs resumable; return what was done, one line each."""
        raise NotImplementedError

    def cost(self, repository: Path | None = None, since: float = 0.0) -> Cost:
        """Return what all work since the Unix time `since` cost, of one repository or of all."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the store. Safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
