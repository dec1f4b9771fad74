"""Changes: what a ticket proposes, or an attempt leaves, read from the store with the lines of both sides of each file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from orchestrator import reports
from orchestrator.errors import WrongStatus
from orchestrator.plain import one_line
from orchestrator.reading import Hunk, Seen, Whole, read
from orchestrator.reading.hunks import lines
from orchestrator.records import REVIEW, AttemptRecord, AttemptState, Job, JobReport, Status
from orchestrator.store import Store
from shadowfs import Change, RepoPath


@dataclass(frozen=True, slots=True)
class Sides:
    """A file of a change: `kind` is `added`, `deleted` or `modified`; `ended` says whether its last line then has an end."""

    kind: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    ended: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change as an editor shows it. `hunks` are in the order of their lines; `whole` are files that have none."""

    ticket: str
    title: str
    hunks: tuple[Seen, ...]
    files: Mapping[RepoPath, Sides]
    whole: tuple[Whole, ...] = ()

    def of(self, path: RepoPath) -> tuple[Seen, ...]:
        """Return the hunks of a file."""
        return tuple(each for each in self.hunks if each.hunk.path == path)

    def hunk(self, id: str) -> Hunk:
        """Return a hunk. Raises `WrongStatus` where there is none of that id."""
        for each in self.hunks:
            if each.hunk.id == id:
                return each.hunk
        raise WrongStatus(f"ticket {self.ticket} has no such hunk any more: look at its lines again")


def waits(report: JobReport) -> bool:
    """Say whether a ticket's change waits for somebody to look at it."""
    return report.status is Status.VERIFIED and not (report.ticket.order.agent or "").startswith(REVIEW)


def proposal(store: Store, ticket: str) -> Proposal:
    """Return what a ticket proposes. Raises `WrongStatus` where that is nothing."""
    job = store.job_of(ticket)
    record = reports.winner(job, store.attempts(job.number))
    trees = reports.outcome(job, record)
    if trees is None or record is None:
        raise WrongStatus(f"ticket {ticket} has no proposal (it is {job.status}): there is nothing to show or apply")
    return _read(store, job, trees, record)


def left_by(store: Store, ticket: str, attempt: int | None = None) -> Proposal:
    """Return what an attempt left, the last one unless `attempt` names another: one that was stopped, up to its last step.

    Raises `WrongStatus` where there is none, or it has not begun.
    """
    job = store.job_of(ticket)
    attempts = store.attempts(job.number)
    record = next((each for each in reversed(attempts) if attempt in (None, each.number)), None)
    if record is None:
        made = ", ".join(str(each.number) for each in attempts) or "none yet"
        raise WrongStatus(f"ticket {ticket} has no attempt {attempt or ''}: it has {made}".replace("  ", " "))
    if record.state is AttemptState.OPEN:
        record = replace(record, tree=_last_tree(store, job, record) or record.tree)
    trees = reports.outcome(replace(job, chosen=record.number), record)
    if trees is None:
        raise WrongStatus(f"attempt {record.number} of ticket {ticket} has not begun: there is nothing to take over")
    return _read(store, job, trees, record)


def _last_tree(store: Store, job: Job, record: AttemptRecord) -> str | None:
    """Return what the last step of an open attempt left: its record has where it began."""
    steps = (step for step in store.steps(job.number) if step.attempt == record.number and step.outcome)
    trees = [step.outcome["tree"] for step in steps if step.outcome and "tree" in step.outcome]
    return str(trees[-1]) if trees else None


def _read(store: Store, job: Job, trees: tuple[str, str], record: AttemptRecord) -> Proposal:
    assert job.snapshot is not None
    change = job.snapshot.depot.change(*trees)
    text = store.ticket(job.ticket).order.text
    verdict = next((each for each in reversed(store.verdicts(job.number)) if each.tree == change.tree), None)
    reading = read(change, verdict, text)
    seen = [each for group in reading.groups for each in group.hunks]
    return Proposal(
        job.ticket,
        one_line(record.title or text),
        tuple(sorted(seen, key=lambda each: (each.hunk.path, each.hunk.before.first))),
        {file.path: _sides(change, file.path, file.kind) for file in change.files},
        reading.whole,
    )


def _sides(change: Change, path: RepoPath, kind: str) -> Sides:
    before, after = change.before(path), change.after(path)
    return Sides(kind, lines(before), lines(after), bool(after) and (after or b"").endswith(b"\n"))
