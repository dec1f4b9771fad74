"""The store in memory: for tests, and for whoever writes a plugin. Nothing of it outlives the process."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path

from orchestrator.dispatch.abilities import needs_of
from orchestrator.dispatch.fairness import ANY, Lane, Terms
from orchestrator.errors import LeaseLost, TicketTaken, UnknownTicket
from orchestrator.plain import plain
from orchestrator.records import AttemptRecord, Cost, Job, Outcome, Status, StepRecord, Ticket
from orchestrator.reporting.board import TEXT_CHARACTERS, Board, Row, Sought
from orchestrator.settings import Settings
from orchestrator.store import CLAIMABLE, Lease, Outgoing
from orchestrator.store.codec import encode
from orchestrator.store.memory.forms import MemoryForms
from orchestrator.store.memory.ledger import Spent, total
from orchestrator.store.memory.messages import MemoryMessages
from orchestrator.store.memory.queue import MemoryQueue, coming_deadline, is_expired, overdue
from orchestrator.working.allowance import DAY_S, Allowance, Amount, Short, first_short
from orchestrator.working.answering import asking
from orchestrator.working.lease import booked
from orchestrator.working.routing import Tally
from shadowfs import Snapshot
from verifier import Verdict


class MemoryStore:
    """A store in dictionaries, behind one lock."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._tickets: dict[str, tuple[Ticket, Settings]] = {}
        self._jobs: dict[int, Job] = {}
        self._attempts: dict[tuple[int, int], AttemptRecord] = {}
        self._steps: dict[int, dict[tuple[int, int], StepRecord]] = {}
        self._verdicts: dict[int, list[Verdict]] = {}
        self._outbox: dict[int, Outgoing] = {}
        self._ledger: list[Spent] = []
        self._outcomes: dict[tuple[int, int], tuple[float, Outcome]] = {}
        self._queue = MemoryQueue(self._lane)
        self.messages = MemoryMessages(self._lock, self._listens)
        self.forms = MemoryForms(self._lock, self._outcomes, self._steps)

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def version(self) -> object:
        # Nobody counts what is written here.
        return object()

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def add(self, ticket: Ticket, settings: Settings, status: Status = Status.QUEUED) -> Job:
        with self._lock:
            if ticket.id in self._tickets:
                raise TicketTaken(f"there is a ticket {ticket.id} already")
            self._tickets[ticket.id] = ticket, settings
            order, number = ticket.order, len(self._jobs) + 1
            job = Job(number, ticket.id, status, updated_at=self._clock())
            job = replace(job, seconds=settings.seconds, usd=settings.usd, tokens=settings.tokens)
            job = replace(job, priority=order.priority, not_before=order.not_before, deadline=order.deadline)
            return self._jobs.setdefault(number, job)

    def ticket(self, id: str) -> Ticket:
        if id not in self._tickets:
            raise UnknownTicket(f"there is no ticket {id!r}: `nightcrew list` shows what there is")
        return self._tickets[id][0]

    def settings(self, id: str) -> Settings:
        return self._tickets[id][1]

    def repositories(self) -> tuple[Path, ...]:
        waiting = (job for job in self._jobs.values() if job.status in (Status.QUEUED, Status.WORKING))
        return tuple(sorted({self._home(job) for job in waiting}))

    def find(self, prefix: str) -> tuple[str, ...]:
        hits = (id for id in self._tickets if id.startswith(prefix) or f"-{prefix}" in id)
        return tuple(sorted(hits, reverse=True)[:9])

    def tickets(self, repository: Path | None = None) -> tuple[Ticket, ...]:
        found = (ticket for ticket, _ in self._tickets.values() if repository in (None, ticket.order.repository))
        return tuple(sorted(found, key=lambda ticket: (ticket.filed_at, ticket.id), reverse=True))

    def board(self, sought: Sought) -> Board:
        words = [word.lower() for word in sought.each_word]
        rows = [
            row
            for ticket in self.tickets(sought.repository)
            for row in [self._row(ticket)]
            if row.updated_at >= sought.since
            and all(word in ticket.order.text.lower() or word in ticket.id for word in words)
        ]
        counts = Counter(row.status for row in rows)
        wanted = [row for row in rows if not sought.statuses or row.status in sought.statuses]
        return Board(tuple(wanted[sought.skip : sought.skip + sought.limit]), len(wanted), dict(counts))

    def _row(self, ticket: Ticket) -> Row:
        job = self.job_of(ticket.id)
        tried, outgoing = self.attempts(job.number), self.outgoing(job.number)
        asked = asking(tried) if job.status.resumable else None
        return Row(
            ticket=ticket.id,
            text=ticket.order.text[:TEXT_CHARACTERS],
            repository=ticket.order.repository,
            status=job.status,
            why=job.why,
            next=job.next,
            agent=ticket.order.agent or self.settings(ticket.id).agent,
            user=ticket.order.user,
            filed_at=ticket.filed_at,
            updated_at=job.updated_at,
            attempts=len(tried),
            branch=next((row.branch for row in reversed(outgoing) if row.done), None),
            commit=outgoing[-1].commit if outgoing else None,
            question=asked.question if asked else "",
            cost=self.cost(job.number),
            seconds=job.seconds,
            usd=job.usd,
            tokens=job.tokens,
            priority=job.priority,
            not_before=job.not_before,
            deadline=job.deadline,
        )

    def job(self, number: int) -> Job:
        if number not in self._jobs:
            raise UnknownTicket(f"there is no job of {str(number)!r}: `nightcrew list` shows what there is")
        return self._jobs[number]

    def job_of(self, ticket: str) -> Job:
        for job in self._jobs.values():
            if job.ticket == ticket:
                return job
        raise UnknownTicket(f"there is no job of {ticket!r}: `nightcrew list` shows what there is")

    def _listens(self, number: int, among: Sequence[Status]) -> float | None:
        if self._jobs[number].status not in among:
            return None
        self._put(self._jobs[number])
        return self._clock()

    def working(self) -> tuple[Job, ...]:
        return tuple(job for job in self._jobs.values() if job.status is Status.WORKING)

    def claim(self, owner: str, lease_s: float, number: int | None = None, terms: Terms = ANY) -> Lease | None:
        now = self._clock()
        with self._lock:
            if number is not None:
                job = self._jobs.get(number)
                if job is None or not (job.status in CLAIMABLE or is_expired(job, now)):
                    return None
                return self._take(job, owner, now, lease_s)
            self._fail_overdue(now)
            first = next(self._queue.ready(self._jobs.values(), terms, now), None)
            return None if first is None else self._take(self._jobs[first[0]], owner, now, lease_s)

    def ready(self, most: int, terms: Terms = ANY) -> Mapping[int, frozenset[str]]:
        now = self._clock()
        with self._lock:
            self._fail_overdue(now)
            return dict(islice(self._queue.ready(self._jobs.values(), terms, now), most))

    def announce(self, machine: str, can: frozenset[str]) -> None:
        self._queue.announce(machine, can, self._clock())

    def abilities(self) -> tuple[frozenset[str], ...]:
        return self._queue.abilities(self._clock())

    def _fail_overdue(self, now: float) -> None:
        for late in list(overdue(self._jobs.values(), now)):
            self._put(late)

    def _take(self, job: Job, owner: str, now: float, lease_s: float) -> Lease:
        lease = Lease(job.number, owner, job.fence + 1, now + lease_s)
        taken = replace(job, status=Status.WORKING, why="", next="", fence=lease.fence, lease_owner=owner)
        taken = replace(taken, lease_until=lease.until, stop_requested=False, deadline=coming_deadline(job, now))
        self._jobs[job.number] = replace(taken, updated_at=now)
        self._ledger.append(Spent(len(self._ledger), job.number, lease.fence, now))
        self._queue.served(job, now)
        return lease

    def _lane(self, job: Job) -> Lane:
        ticket, settings = self._tickets[job.ticket]
        return Lane(ticket.order.user, ticket.order.repository, needs_of(ticket.order, settings))

    def _home(self, job: Job) -> Path:
        return self._tickets[job.ticket][0].order.repository

    def renew(self, lease: Lease, lease_s: float) -> Lease:
        with self._lock:
            until = self._clock() + lease_s
            self._put(replace(self._held(lease), lease_until=until))
            self._book_time(lease)
            return replace(lease, until=until)

    def record(
        self, lease: Lease, *, snapshot: Snapshot | None = None, base: str | None = None, chosen: int | None = None
    ) -> None:
        with self._lock:
            job = self._held(lease)
            job = replace(job, snapshot=snapshot or job.snapshot, base=base or job.base)
            self._put(replace(job, chosen=job.chosen if chosen is None else chosen))

    def end(self, lease: Lease, status: Status, why: str, next: str, told: int | None = None) -> bool:
        with self._lock:
            job = replace(self._held(lease), status=status, why=plain(why), next=plain(next), stop_requested=False)
            self._book_time(lease)
            if told is not None and self.messages.said(lease.job, told):
                return False
            self._put(replace(job, lease_owner=None, lease_until=None))
            return True

    def free(self, number: int, fence: int, why: str) -> bool:
        with self._lock:
            job = self._jobs[number]
            if job.fence != fence or job.status is not Status.WORKING:
                return False
            self._put(replace(job, status=Status.QUEUED, why=plain(why), lease_owner=None, lease_until=None))
            return True

    def mark(self, number: int, status: Status, why: str, among: Sequence[Status], fence: int | None = None) -> bool:
        with self._lock:
            job = self._jobs[number]
            if job.status not in among or job.lease_owner is not None or fence not in (None, job.fence):
                return False
            if status is Status.QUEUED:
                job = replace(job, deadline=coming_deadline(job, self._clock()))
            self._put(replace(job, status=status, why=plain(why), next=""))
            return True

    def grant(self, number: int, seconds: float, usd: float, tokens: int = 0) -> None:
        with self._lock:
            job = self._jobs[number]
            job = replace(job, seconds=job.seconds + seconds, usd=None if job.usd is None else job.usd + usd)
            self._put(replace(job, tokens=None if job.tokens is None else job.tokens + tokens))

    def request_stop(self, number: int) -> None:
        with self._lock:
            self._put(replace(self._jobs[number], stop_requested=True))

    def stop_requested(self, lease: Lease) -> bool:
        return self._held(lease).stop_requested

    def attempts(self, number: int) -> tuple[AttemptRecord, ...]:
        return tuple(record for key, record in sorted(self._attempts.items()) if key[0] == number)

    def put_attempt(self, lease: Lease, attempt: AttemptRecord) -> None:
        with self._lock:
            self._put(self._held(lease))
            self._attempts[lease.job, attempt.number] = attempt

    def begin(self, lease: Lease, attempt: int, number: int, kind: str, intent: Mapping[str, object]) -> None:
        with self._lock:
            self._put(self._held(lease))
            kept = json.loads(encode(intent))
            step = StepRecord(attempt, number, kind, kept, None, self._clock())
            if self._steps.setdefault(lease.job, {}).setdefault((attempt, number), step) is not step:
                raise ValueError(f"step {number} of attempt {attempt} is in the journal already")

    def finish(self, lease: Lease, attempt: int, number: int, outcome: Mapping[str, object]) -> None:
        with self._lock:
            self._put(self._held(lease))
            steps = self._steps[lease.job]
            steps[attempt, number] = replace(steps[attempt, number], outcome=json.loads(encode(outcome)))

    def steps(self, number: int) -> tuple[StepRecord, ...]:
        return tuple(self._steps.get(number, {}).values())

    def put_verdict(self, lease: Lease, verdict: Verdict) -> None:
        with self._lock:
            self._put(self._held(lease))
            self._verdicts.setdefault(lease.job, []).append(verdict)

    def verdicts(self, number: int) -> tuple[Verdict, ...]:
        return tuple(self._verdicts.get(number, ()))

    def put_outgoing(self, lease: Lease, commit: str, branch: str) -> Outgoing:
        with self._lock:
            self._put(self._held(lease))
            for row in self._outbox.values():
                if (row.job, row.commit) == (lease.job, commit):
                    return row
            row = Outgoing(len(self._outbox) + 1, lease.job, commit, branch, done=False)
            self._outbox[row.id] = row
            return row

    def rename_outgoing(self, id: int, old: str, new: str) -> bool:
        with self._lock:
            row = self._outbox[id]
            if row.done or row.branch != old:
                return False
            self._outbox[id] = replace(row, branch=new)
            return True

    def deliver(self, id: int) -> None:
        with self._lock:
            self._outbox[id] = replace(self._outbox[id], done=True)

    def outgoing(self, number: int) -> tuple[Outgoing, ...]:
        return tuple(row for row in self._outbox.values() if row.job == number)

    def reserve(
        self, lease: Lease, usd: float, tokens: int = 0, *, attempt: int = 0, allowance: Allowance = Allowance()
    ) -> int | Short:
        with self._lock:
            job, user = self._held(lease), self._user(lease.job)
            self._put(job)
            since = self._clock() - DAY_S
            today = [row for row in self._ledger if row.at > since]
            limits = (
                ("job", Amount(job.usd, job.tokens), total(row for row in self._ledger if row.job == lease.job)),
                ("machine", allowance.machine, total(today)),
                ("user", allowance.user, total(row for row in today if self._user(row.job) == user)),
            )
            if (short := first_short(Amount(usd, tokens), limits)) is not None:
                return short
            row = Spent(len(self._ledger), lease.job, None, self._clock(), usd, tokens, attempt)
            self._ledger.append(row)
            return row.id

    def settle(self, lease: Lease, reservation: int, cost: Cost) -> None:
        with self._lock:
            self._put(self._held(lease))
            row = self._ledger[reservation]
            row.reserved_usd, row.reserved_tokens, row.cost = 0.0, 0, replace(cost, seconds=0.0)

    def cost(
        self,
        number: int | None = None,
        repository: Path | None = None,
        since: float = 0.0,
        attempt: int | None = None,
    ) -> Cost:
        spent = Cost()
        for row in self._ledger:
            home = self._tickets[self._jobs[row.job].ticket][0].order.repository
            wanted = number in (None, row.job) and repository in (None, home) and attempt in (None, row.attempt)
            if row.at >= since and wanted:
                spent += row.cost + Cost(usd=row.reserved_usd)
        return spent

    def costs(self, number: int) -> Mapping[int, Cost]:
        spent: dict[int, Cost] = {}
        for row in self._ledger:
            if row.job == number:
                at = row.attempt or 0
                spent[at] = spent.get(at, Cost()) + row.cost + Cost(usd=row.reserved_usd)
        return spent

    def spent(self, since: float) -> Mapping[str, Cost]:
        worked = {row.job for row in self._ledger if row.at >= since}
        return {self._jobs[number].ticket: self.cost(number, since=since) for number in sorted(worked)}

    def put_outcome(self, lease: Lease, outcome: Outcome) -> None:
        with self._lock:
            self._put(self._held(lease))
            at, _ = self._outcomes.get((lease.job, outcome.attempt), (self._clock(), outcome))
            self._outcomes[lease.job, outcome.attempt] = at, outcome

    def tallies(self, repository: Path, kind: str, since: float = 0.0) -> Sequence[Tally]:
        found: dict[tuple[str, bool, bool], Tally] = {}
        for (job, _), (at, each) in self._outcomes.items():
            home = self._tickets[self._jobs[job].ticket][0].order.repository
            key = each.agent, home == repository, each.kind == kind
            if at >= since:
                old = found.get(key, Tally(*key, 0, 0, 0.0, 0.0))
                won, usd, seconds = old.verified + each.verified, old.usd + each.usd, old.seconds + each.seconds
                found[key] = Tally(*key, old.tries + 1, won, usd, seconds)
        return [found[key] for key in sorted(found)]

    def _user(self, number: int) -> str:
        return self._tickets[self._jobs[number].ticket][0].order.user

    def _held(self, lease: Lease) -> Job:
        job = self._jobs[lease.job]
        if job.fence != lease.fence or job.lease_owner != lease.owner:
            raise LeaseLost(
                f"the lease of job {lease.job} (fence {lease.fence}) ended or passed to another worker; that one goes on"
            )
        return job

    def _put(self, job: Job) -> None:
        self._jobs[job.number] = replace(job, updated_at=self._clock())

    def _book_time(self, lease: Lease) -> None:
        for row in self._ledger:
            if row.job == lease.job and row.fence == lease.fence:
                row.at, seconds = booked(row.at, row.cost.seconds, self._clock())
                row.cost = Cost(seconds=seconds)
