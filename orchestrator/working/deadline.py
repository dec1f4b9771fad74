"""Deadlines: what of a job's budget is left before its own, and what is said of one that passed while it waited."""

from __future__ import annotations

import time

from orchestrator.records import Job


def missed(deadline: float, begun: bool) -> str:
    """Return why a job has failed whose deadline passed while it was queued."""
    what = "done; its work is kept" if begun else "begun"
    return f"its deadline, {shown(deadline)}, passed before it was {what}"


def total_s(job: Job, spent_s: float, now: float) -> float:
    """Return the seconds that a job may take in all: its budget, cut to a deadline that is still to come.

    Whoever goes on with one whose deadline has passed wants it all the same.
    """
    if job.deadline is None or job.deadline <= now:
        return job.seconds
    return min(job.seconds, spent_s + job.deadline - now)


def cut_to(job: Job, total_s: float) -> str:
    """Return what is said of a budget that a deadline cut, "" of one that none did."""
    return f", cut to the deadline {shown(job.deadline)}," if job.deadline is not None and total_s < job.seconds else ""


def shown(at: float) -> str:
    """Return a moment as people of this machine read it."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
