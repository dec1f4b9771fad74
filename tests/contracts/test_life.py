"""The life of jobs against a model of it: whatever workers, people and clocks do in whatever order, every store says the same, and nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from orchestrator.errors import LeaseLost
from orchestrator.records import Order, Status, Ticket
from orchestrator.settings import Settings
from orchestrator.store import CLAIMABLE, Lease, Store
from orchestrator.store.memory.store import MemoryStore
from orchestrator.store.sql.store import SqlStore
from tests.contracts.test_store import Clock

LEASE_S = 30.0
ENDS = (Status.VERIFIED, Status.NO_FIX, Status.PAUSED, Status.FAILED, Status.STOPPED, Status.QUEUED)
HOME = Path("/one")


@dataclass(slots=True)
class Expected:
    """A job as it must be: who has it under which fence until when, and what was journaled under leases that held."""

    status: Status = Status.QUEUED
    fence: int = 0
    until: float | None = None
    stop: bool = False
    priority: int = 0
    branches: list[tuple[str, bool]] = field(default_factory=list)
    steps: int = 0
    open_step: bool = False


class Life(RuleBasedStateMachine):
    """Two stores side by side with what the rules of jobs say."""

    leases = Bundle("leases")

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.stores: tuple[Store, ...] = (MemoryStore(self.clock), SqlStore("sqlite://", self.clock))
        self.jobs: dict[int, Expected] = {}

    def teardown(self) -> None:
        for store in getattr(self, "stores", ()):
            store.close()

    @rule(priority=st.integers(-1, 1))
    def file(self, priority: int) -> None:
        number = len(self.jobs) + 1
        order = Order("it breaks", HOME, priority=priority)
        for store in self.stores:
            assert store.add(Ticket(f"261121-{number}", "x", order, 5.0), Settings(seconds=60.0)).number == number
        self.jobs[number] = Expected(priority=priority)

    @rule(passes_s=st.integers(1, 45))
    def wait(self, passes_s: int) -> None:
        self.clock.now += passes_s

    @rule(target=leases)
    def claim(self) -> Lease | None:
        ready = [number for number, job in self.jobs.items() if self._is_ready(job)]
        wanted = min(ready, key=lambda number: (-self.jobs[number].priority, number), default=None)
        first, second = (store.claim("me", LEASE_S) for store in self.stores)
        assert first == second
        assert (None if first is None else first.job) == wanted
        return self._begun(first)

    @precondition(lambda self: self.jobs)
    @rule(target=leases, data=st.data())
    def resume(self, data: st.DataObject) -> Lease | None:
        number = data.draw(st.sampled_from(sorted(self.jobs)))
        job = self.jobs[number]
        first, second = (store.claim("me", LEASE_S, number) for store in self.stores)
        assert first == second
        assert (first is not None) == (job.status in CLAIMABLE or self._is_expired(job))
        return self._begun(first)

    def _begun(self, lease: Lease | None) -> Lease | None:
        if lease is not None:
            job = self.jobs[lease.job]
            assert lease.fence == job.fence + 1
            job.status, job.fence, job.until, job.stop = Status.WORKING, lease.fence, lease.until, False
        return lease

    @rule(lease=leases)
    def renew(self, lease: Lease | None) -> None:
        if self._each(lease, lambda store, held: store.renew(held, LEASE_S)) and lease is not None:
            self.jobs[lease.job].until = self.clock.now + LEASE_S

    @rule(lease=leases)
    def step(self, lease: Lease | None) -> None:
        if lease is None:
            return
        job = self.jobs[lease.job]
        if job.open_step:
            if self._each(lease, lambda store, held: store.finish(held, 1, job.steps, {"did": 1})):
                job.open_step = False
        elif self._each(lease, lambda store, held: store.begin(held, 1, job.steps + 1, "write", {"path": "a"})):
            job.steps += 1
            job.open_step = True

    @rule(lease=leases, commit=st.sampled_from("ab"))
    def deliver(self, lease: Lease | None, commit: str) -> None:
        if self._each(lease, lambda store, held: store.put_outgoing(held, commit, f"nightcrew/{commit}")) and lease:
            job = self.jobs[lease.job]
            if (f"nightcrew/{commit}", False) not in job.branches:
                job.branches.append((f"nightcrew/{commit}", False))

    @rule(lease=consumes(leases), status=st.sampled_from(ENDS))
    def end(self, lease: Lease | None, status: Status) -> None:
        if self._each(lease, lambda store, held: store.end(held, status, "", "")) and lease is not None:
            job = self.jobs[lease.job]
            job.status, job.until, job.stop = status, None, False

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), fenced=st.booleans())
    def sweep(self, data: st.DataObject, fenced: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.jobs)))
        job = self.jobs[number]
        fence = job.fence if fenced else job.fence + 1
        freed = {store.free(number, fence, "its worker died") for store in self.stores}
        assert freed == {fenced and job.status is Status.WORKING}
        if freed == {True}:
            job.status, job.until = Status.QUEUED, None

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.jobs)))
        job = self.jobs[number]
        marked = {store.mark(number, Status.STOPPED, "", (Status.QUEUED, Status.PAUSED)) for store in self.stores}
        assert marked == {job.status in (Status.QUEUED, Status.PAUSED)}
        if marked == {True}:
            job.status = Status.STOPPED
        else:
            for store in self.stores:
                store.request_stop(number)
            job.stop = True

    @invariant()
    def all_say_the_same_and_nothing_is_lost(self) -> None:
        if not hasattr(self, "jobs"):
            return
        for number, job in self.jobs.items():
            for store in self.stores:
                found = store.job(number)
                assert (found.status, found.fence, found.lease_until) == (job.status, job.fence, job.until)
                steps = store.steps(number)
                assert [step.number for step in steps] == list(range(1, job.steps + 1))
                assert [step.outcome is None for step in steps].count(True) == job.open_step
                assert [(each.branch, each.done) for each in store.outgoing(number)] == job.branches
            assert self.stores[0].job(number) == self.stores[1].job(number)

    def _each(self, lease: Lease | None, write: object) -> bool:
        """Write to both stores under a lease, and say whether it held: as long as nobody had the job after it."""
        if lease is None:
            return False
        job = self.jobs[lease.job]
        holds = job.status is Status.WORKING and job.fence == lease.fence
        for store in self.stores:
            try:
                write(store, lease)  # type: ignore[operator]
            except LeaseLost:
                assert not holds
            else:
                assert holds
        return holds

    def _is_expired(self, job: Expected) -> bool:
        return job.status is Status.WORKING and job.until is not None and job.until < self.clock.now

    def _is_ready(self, job: Expected) -> bool:
        return job.status is Status.QUEUED or self._is_expired(job)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
