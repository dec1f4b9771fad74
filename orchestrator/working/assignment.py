"""An assignment: a claimed job, with everything that working on it takes. Made by the worker for one lease."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from agents import Stopped
from orchestrator.engines import Engines
from orchestrator.errors import LeaseLost, OrderRefused
from orchestrator.places.place import Places
from orchestrator.records import Event, Job, Order, Ticket, Watch
from orchestrator.settings import Settings
from orchestrator.store import Lease, Store
from orchestrator.telemetry import Tracer, Untraced
from orchestrator.working.budget import Budget
from orchestrator.working.journal import Journal
from orchestrator.working.lease import Heartbeat
from verifier import Suite


@dataclass(frozen=True, slots=True)
class Assignment:
    """A job under a lease. `journal` is for the job's own steps."""

    store: Store
    lease: Lease
    heartbeat: Heartbeat
    ticket: Ticket
    settings: Settings
    engines: Engines
    places: Places
    budget: Budget
    journal: Journal
    watch: Watch
    clock: Callable[[], float]
    tracer: Tracer = Untraced()

    @property
    def order(self) -> Order:
        return self.ticket.order

    @property
    def suite(self) -> Suite:
        """Return how the repository is tested. Raises `OrderRefused` where nobody knows."""
        if self.settings.suite is None:
            raise OrderRefused(
                "no tests are known for this repository: name them with --test CMD, or in nightcrew.toml"
            )
        return replace(self.settings.suite, serial=self.settings.services.wanted)

    def job(self) -> Job:
        """Return the job as the store has it now."""
        return self.store.job(self.lease.job)

    def emit(self, kind: str, text: str) -> None:
        """Tell whoever watches."""
        self.watch(Event(self.lease.job, kind, text, self.clock()))

    def span(self, phase: str, **about: str | int) -> AbstractContextManager[None]:
        """Have the block be a phase of the ticket's trace."""
        return self.tracer.span(self.ticket, phase, **about)

    def stopping(self) -> None:
        """Raise `Stopped` when somebody asked for it, `LeaseLost` when another worker has the job."""
        check_lease(self.store, self.lease, self.heartbeat)


def check_lease(store: Store, lease: Lease, heartbeat: Heartbeat) -> None:
    """Raise `Stopped` when somebody asked the holder of a lease to stop, `LeaseLost` when another worker has the job."""
    if heartbeat.lost:
        raise LeaseLost(f"the lease of job {lease.job} passed to another worker; that one goes on")
    if store.stop_requested(lease):
        raise Stopped("somebody asked to stop")
