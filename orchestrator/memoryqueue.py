"""The queue of the store in memory: which job is next, and those whose deadline passed. Pure, over its jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from orchestrator.deadline import missed
from orchestrator.records import Job, Status


def is_expired(job: Job, now: float) -> bool:
    """Say whether a job's worker let its lease pass."""
    return job.status is Status.WORKING and job.lease_until is not None and job.lease_until < now


def ready_jobs(
    jobs: Iterable[Job], home: Callable[[Job], Path], among: Mapping[Path, int] | None, now: float
) -> list[Job]:
    """Return the jobs that may begin together, the most wanted first; `home` returns a job's repository."""
    jobs = tuple(jobs)
    at_work = Counter(home(job) for job in jobs if job.status is Status.WORKING and not is_expired(job, now))
    ready = []
    for job in sorted(jobs, key=lambda job: (-job.priority, job.number)):
        if not _waits(job, now) or (job.not_before is not None and job.not_before > now):
            continue
        if among is None or at_work[home(job)] < among.get(home(job), 0):
            at_work[home(job)] += 1
            ready.append(job)
    return ready


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
