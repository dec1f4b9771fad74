"""The store where machines share no volume: what it says there is, a hub has before it is said, and is brought here before it is read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import URL

from orchestrator.dispatch.abilities import PLACE, needs_of
from orchestrator.dispatch.fairness import ANY, Terms
from orchestrator.errors import LeaseLost, StoreAway, WrongStatus
from orchestrator.records import AttemptRecord, Job, Status, Ticket
from orchestrator.settings import Settings
from orchestrator.store import Lease, Outgoing
from orchestrator.store.sql.belonging import place_of
from orchestrator.store.sql.store import SqlStore
from orchestrator.working.lease import BEAT_S, LEASE_S, Heartbeat, Owner
from shadowfs import (
    Depot,
    DepotError,
    Hub,
    HubAway,
    Load,
    Snapshot,
    commit_load,
    evict,
    held,
    placed,
    remove_evicted,
    snapshot_loads,
    tree_load,
    use,
)

_TIDY_S = 300.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """How the depots of several machines exchange what they have.

    Repositories below `common` are the same on all of them. Depots here may take `keep_bytes` before those not used for longest go.
    """

    hub: Hub
    common: tuple[Path, ...] = ()
    keep_bytes: int = 20 << 30


class CarryingStore(SqlStore):
    """The store of a machine whose state directory is its own.

    A job of a working tree needs the machine that it was filed on, unless its repository is common to all; one of a managed checkout
    needs none. A hub that does not answer is a store that does not: `StoreAway`.
    """

    def __init__(
        self,
        url: str | URL,
        clock: Callable[[], float] | None,
        state: Path,
        exchange: Exchange,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        with _answering():
            exchange.hub.make()
        super().__init__(url, clock)
        self._state = state
        self._exchange = exchange
        self._place = place_of(state)
        self._sent: set[tuple[int, str]] = set()
        self._here: set[tuple[int, str]] = set()
        self._moving = threading.RLock()
        self._ticks = ticks
        self._tidied = ticks()

    def add(self, ticket: Ticket, settings: Settings, status: Status = Status.QUEUED) -> Job:
        common = any(ticket.order.repository.is_relative_to(folder) for folder in self._exchange.common)
        if settings.managed is None and not common:
            settings = replace(settings, needs=(*settings.needs, self._place))
        return super().add(ticket, settings, status)

    def job(self, number: int) -> Job:
        return self._placed(super().job(number))

    def job_of(self, ticket: str) -> Job:
        return self._placed(super().job_of(ticket))

    def attempts(self, number: int) -> tuple[AttemptRecord, ...]:
        records = super().attempts(number)
        self._have(number, [tree for record in records for tree in _trees(record)])
        return records

    def outgoing(self, number: int) -> tuple[Outgoing, ...]:
        rows = super().outgoing(number)
        self._have(number, [row.commit for row in rows])
        return rows

    def claim(self, owner: str, lease_s: float, number: int | None = None, terms: Terms = ANY) -> Lease | None:
        if number is not None:
            self._check_place(number)
        while (lease := super().claim(owner, lease_s, number, terms)) is not None:
            job = super().job(lease.job)
            if job.snapshot is None:
                return lease
            try:
                # Whoever had it last may have been another machine, and there may be much to bring.
                with Heartbeat(self, lease, lease_s, lease_s * BEAT_S / LEASE_S):
                    self._bring(job, placed(job.snapshot, self._state))
                return lease
            except DepotError as error:
                with suppress(LeaseLost):
                    self.end(lease, Status.FAILED, str(error), f"nightcrew resume {job.ticket}")
                if number is not None:
                    raise
        return None

    def record(
        self, lease: Lease, *, snapshot: Snapshot | None = None, base: str | None = None, chosen: int | None = None
    ) -> None:
        if snapshot is not None:
            self._send(super().job(lease.job), snapshot.depot, snapshot_loads(snapshot))
        elif base is not None:
            self._send_trees(lease, [base])
        super().record(lease, snapshot=snapshot, base=base, chosen=chosen)
        if snapshot is not None and base is not None:
            self._send_trees(lease, [base])

    def put_attempt(self, lease: Lease, attempt: AttemptRecord) -> None:
        self._send_trees(lease, _trees(attempt))
        super().put_attempt(lease, attempt)

    def finish(self, lease: Lease, attempt: int, number: int, outcome: Mapping[str, object]) -> None:
        tree = outcome.get("tree")
        self._send_trees(lease, [tree] if isinstance(tree, str) else [])
        super().finish(lease, attempt, number, outcome)

    def put_outgoing(self, lease: Lease, commit: str, branch: str) -> Outgoing:
        job = self.job(lease.job)
        if job.snapshot is not None:
            self._send(job, job.snapshot.depot, [commit_load(job.snapshot.depot, commit)])
        return super().put_outgoing(lease, commit, branch)

    def end(self, lease: Lease, status: Status, why: str, next: str, told: int | None = None) -> bool:
        ended = super().end(lease, status, why, next, told)
        self._sent = {each for each in self._sent if each[0] != lease.job}
        self.tidy()
        return ended

    def tidy(self) -> list[str]:
        """Evict depots, five minutes apart at most, and return their names. One that a lease of this machine is about is in use."""
        if self._ticks() - self._tidied < _TIDY_S:
            return []
        self._tidied = self._ticks()
        with held(self._state, alone=True):
            here = Owner.here().machine
            mine = {
                job.snapshot.depot.path.name
                for job in self.working()
                if job.snapshot is not None and job.lease_owner and Owner.parse(job.lease_owner).machine == here
            }
            gone = evict(self._state, self._exchange.keep_bytes, mine)
        remove_evicted(self._state)
        if gone:
            self._here.clear()
        return gone

    def _placed(self, job: Job) -> Job:
        """Return a job with its snapshot as it lies here, which is brought where it is not."""
        if job.snapshot is None:
            return job
        here = placed(job.snapshot, self._state)
        if not (here.pin.exists() and here.depot.path.exists()):
            self._bring(job, here)
        use(here.depot.path)
        return replace(job, snapshot=here)

    def _have(self, number: int, objects: Iterable[str]) -> None:
        """Bring what the store names of a job, unless it is here."""
        missing = {(number, id) for id in objects} - self._here
        if not missing:
            return
        job = self.job(number)
        if job.snapshot is not None and not all(job.snapshot.depot.has(id) for _, id in missing):
            self._bring(job, job.snapshot)
        self._here |= missing

    def _check_place(self, number: int) -> None:
        """Raise `WrongStatus` for a job that somebody asks for by its number, and that another machine's repository is needed for."""
        ticket = self.ticket(super().job(number).ticket)
        needs = needs_of(ticket.order, self.settings(ticket.id))
        if any(each.startswith(PLACE) and each != self._place for each in needs):
            raise WrongStatus(
                f"ticket {ticket.id} is about {ticket.order.repository} of another machine: ask for it there, or put the repository on"
                " a volume that all machines mount, and name that as `common` under [depots]"
            )

    def _bring(self, job: Job, snapshot: Snapshot) -> None:
        with self._moving, held(self._state), _answering():
            depot = Depot.open(self._state, snapshot.repository, "sha1" if len(snapshot.tree) == 40 else "sha256")
            use(depot.path)
            brought = self._exchange.hub.bring(self._state, depot, job.ticket, again=not snapshot.pin.exists())
        if not brought and not snapshot.pin.exists():
            raise DepotError(
                f"the work on ticket {job.ticket} lies on another machine, which never sent it: it began before `depots.url` was set."
                f" Go on with it there: `nightcrew resume {job.ticket}`"
            )
        self.tidy()

    def _send_trees(self, lease: Lease, trees: Iterable[str]) -> None:
        new = [tree for tree in dict.fromkeys(trees) if (lease.job, tree) not in self._sent]
        if not new:
            return
        job = self.job(lease.job)
        assert job.snapshot is not None
        self._send(job, job.snapshot.depot, [tree_load(job.snapshot.depot, tree) for tree in new])
        self._sent |= {(lease.job, tree) for tree in new}

    def _send(self, job: Job, depot: Depot, loads: Sequence[Load]) -> None:
        with self._moving, _answering():
            self._exchange.hub.send(depot, job.ticket, loads)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except HubAway as error:
        raise StoreAway(str(error)) from error


def _trees(record: AttemptRecord) -> list[str]:
    return [tree for tree in (record.tree, *(option.tree for option in record.options)) if tree]
