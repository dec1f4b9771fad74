"""The worker: one leased job from where it stands to a clear end. Each phase first asks the store whether it has happened."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from contextlib import suppress

from agents import AgentError, OutOfBudget, Stopped
from orchestrator.checkouts.records import Watching
from orchestrator.checkouts.standing import standing
from orchestrator.engines import Engines
from orchestrator.errors import LeaseLost, OrchestratorError, StoreAway
from orchestrator.places.place import Places
from orchestrator.records import Event, Status, Ticket, Watch
from orchestrator.settings import Settings
from orchestrator.store import Lease, Store
from orchestrator.telemetry import Tracer, Untraced
from orchestrator.working import deadline, phases
from orchestrator.working.allowance import LimitReached
from orchestrator.working.assignment import Assignment, check_lease
from orchestrator.working.budget import Budget
from orchestrator.working.hearing import latest
from orchestrator.working.journal import Journal
from orchestrator.working.lease import Heartbeat
from orchestrator.working.phases import Ending
from sandbox import EngineAway, HostsAway, SandboxClosed, SandboxError
from shadowfs import ShadowfsError
from verifier import VerifierError

_AGAIN = "again"
"""The step of a job that goes on after what was around it died."""
EXPECTED = (OrchestratorError, ShadowfsError, SandboxError, VerifierError, AgentError, OSError)
"""What goes wrong in the world; anything else is a defect of ours."""


class Worker:
    """Works on leased jobs, one at a time."""

    def __init__(
        self,
        store: Store,
        engines: Engines,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        tracer: Tracer = Untraced(),
    ) -> None:
        self._store = store
        self._engines = engines
        self._clock = clock
        self._ticks = ticks
        self._tracer = tracer

    def work(self, lease: Lease, watch: Watch) -> Exception | None:
        """Work on a job to an end, which the store then has; return the error that ended it, if one did.

        A lost lease writes nothing and is no error: another worker goes on. Raises `StoreAway`.
        """
        ticket = self._store.ticket(self._store.job(lease.job).ticket)
        while True:
            with self._tracer.span(ticket, "life", job=lease.job, fence=lease.fence):
                ending, failure = self._life(lease, ticket, watch)
            if ending is None:
                return None
            if failure is not None and self._goes_on(lease, failure):
                # What was kept warm may have died of the same.
                self._engines.warm_place.close()
                watch(Event(lease.job, "again", f"{failure}; it goes on where it stood", self._clock()))
                continue
            if isinstance(failure, HostsAway):
                # Nothing is wrong with the job: it begins, or goes on, once a host has room for it.
                self._store.free(lease.job, lease.fence, f"{failure}; the job waits")
                watch(Event(lease.job, "done", f"{Status.QUEUED} {failure}", self._clock()))
                return failure
            if self._end(lease, ending):
                watch(Event(lease.job, "done", f"{ending.status} {ending.why}".strip(), self._clock()))
                return failure

    def _life(self, lease: Lease, ticket: Ticket, watch: Watch) -> tuple[Ending | None, Exception | None]:
        """Take a job as far as it goes; return how it ends, None where the lease was lost, and the error that ended it, if one did."""
        with Heartbeat(self._store, lease) as heartbeat:
            try:
                return self._go(lease, ticket, heartbeat, watch), None
            except LeaseLost:
                return None, None
            except OutOfBudget as error:
                more = error.extend if isinstance(error, LimitReached) else "--seconds 600"
                again = f"nightcrew resume {ticket.id} {more}".rstrip()
                return Ending(Status.PAUSED, f"paused: {error}; its work is kept", again), None
            except Stopped:
                return Ending(Status.STOPPED, "stopped; its work is kept", f"nightcrew resume {ticket.id}"), None
            except KeyboardInterrupt:
                return Ending(Status.PAUSED, "interrupted; its work is kept", f"nightcrew resume {ticket.id}"), None
            except StoreAway:
                # Nothing can be written now: the lease runs out, and whoever is next goes on from the journal.
                raise
            except EXPECTED as error:
                return Ending(Status.FAILED, str(error), f"nightcrew resume {ticket.id}"), error
            except Exception as error:  # noqa: BLE001 - the worker's boundary: a defect ends this job, not the worker
                return self._defect(lease, error, ticket.id), error

    def _go(self, lease: Lease, ticket: Ticket, heartbeat: Heartbeat, watch: Watch) -> Ending:
        job = self._store.job(lease.job)
        journal = Journal(self._store, lease, 0)
        watching = Watching(
            lambda text: watch(Event(lease.job, "checkout", text, self._clock())),
            lambda: check_lease(self._store, lease, heartbeat),
        )
        with standing(self._engines, self._store, journal, ticket, job, watching) as settings:
            return self._through(lease, heartbeat, watch, ticket, settings)

    def _through(self, lease: Lease, heartbeat: Heartbeat, watch: Watch, ticket: Ticket, settings: Settings) -> Ending:
        """Take a job, whose repository is there, through its phases."""
        job = self._store.job(lease.job)
        engines = self._engines
        places = Places(engines.drivers, engines.sandboxes, settings, engines.image, engines.branches)
        self._engines.warm(places.driver)
        spent_s = self._store.cost(lease.job).seconds
        total_s = deadline.total_s(job, spent_s, self._clock())
        work = Assignment(
            store=self._store,
            lease=lease,
            heartbeat=heartbeat,
            ticket=ticket,
            settings=settings,
            engines=self._engines,
            places=places,
            budget=Budget(total_s, spent_s, self._ticks, cut_to=deadline.cut_to(job, total_s)),
            journal=Journal(self._store, lease, 0),
            watch=watch,
            clock=self._clock,
            tracer=self._tracer,
        )
        return phases.run(work, job)

    def _goes_on(self, lease: Lease, failure: Exception) -> bool:
        """Say whether a job whose mount or sandbox died while it was at work goes on from its journal: once, as nobody may be there to ask for it."""
        # What says more than these would say it again.
        if type(failure) not in (EngineAway, SandboxClosed, SandboxError, ShadowfsError):
            return False
        if not self._store.attempts(lease.job) or any(step.kind == _AGAIN for step in self._store.steps(lease.job)):
            return False
        journal = Journal(self._store, lease, 0)
        try:
            journal.finish(journal.begin(_AGAIN, {"why": str(failure)}), {})
        except LeaseLost:
            return False
        return True

    def _defect(self, lease: Lease, error: Exception, ticket: str) -> Ending:
        journal = Journal(self._store, lease, 0)
        # What broke may be the store itself: then the ending alone says what is known.
        with suppress(OrchestratorError, OSError):
            journal.finish(journal.begin("defect", {"traceback": traceback.format_exc()}), {})
        why = f"a defect of nightcrew: {type(error).__name__}: {error}"
        return Ending(Status.FAILED, why, f"nightcrew logs {ticket}")

    def _end(self, lease: Lease, ending: Ending) -> bool:
        """Write how a job ends; False where somebody said something meanwhile that its agent can still be told."""
        told = None if ending.status.resumable else latest(self._store.attempts(lease.job))
        # Where another worker has the job by now, that one will end it.
        with suppress(LeaseLost):
            return self._store.end(lease, ending.status, ending.why, ending.next, told)
        return True
