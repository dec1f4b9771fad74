"""The queue of the store in memory: which job is next, and those whose deadline passed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace

from orchestrator.dispatch.abilities import SEEN_S
from orchestrator.dispatch.fairness import Lane, Line, Terms, Turns, Waiting
from orchestrator.records import Job, Status
from orchestrator.working.deadline import missed


def is_expired(job: Job, now: float) -> bool:
    """Say whether a job's worker let its lease pass."""
    return job.status is Status.WORKING and job.lease_until is not None and job.lease_until < now


class MemoryQueue:
    """When lanes were served last, and what workers can do; `lane_of` returns a job's lane."""

    def __init__(self, lane_of: Callable[[Job], Lane]) -> None:
        self._lane_of = lane_of
        self._served: dict[Lane, float] = {}
        self._heard: dict[tuple[str, frozenset[str]], float] = {}

    def ready(self, jobs: Collection[Job], terms: Terms, now: float) -> Iterator[tuple[int, frozenset[str]]]:
        """Yield the jobs that may begin, as they would be taken one after the other, and what each needs."""
        at_work = Counter(
            self._lane_of(job) for job in jobs if job.status is Status.WORKING and not is_expired(job, now)
        )
        waiting: dict[Lane, list[Waiting]] = {}
        for job in sorted(jobs, key=lambda job: (-job.priority, job.number)):
            if _waits(job, now) and (job.not_before is None or job.not_before <= now):
                waiting.setdefault(self._lane_of(job), []).append(Waiting(job.number, job.priority))
        users: dict[str, float] = {}
        for lane, at in self._served.items():
            users[lane.user] = max(at, users.get(lane.user, 0.0))
        lines = [
            Line(lane, iter(found), self._served.get(lane, 0.0), users.get(lane.user, 0.0))
            for lane, found in waiting.items()
        ]
        needs = {each.number: lane.needs for lane, found in waiting.items() for each in found}
        for each in Turns(at_work.items(), terms).order(lines):
            yield each.number, needs[each.number]

    def served(self, job: Job, now: float) -> None:
        """Note that a job was taken."""
        self._served[self._lane_of(job)] = now

    def announce(self, machine: str, can: frozenset[str], now: float) -> None:
        """Keep what a machine's workers can do."""
        self._heard[machine, can] = now

    def abilities(self, now: float) -> tuple[frozenset[str], ...]:
        """Return what workers that were heard of lately can do, each set once."""
        found = {can for (_, can), at in self._heard.items() if at >= now - SEEN_S}
        return tuple(sorted(found, key=sorted))


def overdue(jobs: Iterable[Job], now: float) -> Iterator[Job]:
    """Yield the jobs whose deadline passed while they waited, as they are then."""
    for job in jobs:
        if _waits(job, now) and job.deadline is not None and job.deadline <= now:
            failed = replace(job, status=Status.FAILED, why=missed(job.deadline, job.fence > 0), lease_owner=None)
            yield replace(failed, next=f"nightcrew resume {job.ticket}", lease_until=None)


def coming_deadline(job: Job, now: float) -> float | None:
    """Return a job's deadline as far as it has not passed."""
    return None if job.deadline is None or job.deadline <= now else job.deadline


def _waits(job: Job, now: float) -> bool:
    return job.status is Status.QUEUED or is_expired(job, now)
