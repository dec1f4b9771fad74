"""Reports: what the store knows about a ticket, put together for whoever asks. Read-only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from orchestrator.dispatch.abilities import needs_of, unmet
from orchestrator.records import REVIEW, AttemptRecord, Cost, Job, JobReport, Message, OptionRecord, Status, Ticket
from orchestrator.returning import understands
from orchestrator.store import Store
from orchestrator.working.answering import asking
from shadowfs import Change, Depot, RepoPath
from verifier import Verdict


def brief(store: Store, ticket: Ticket) -> JobReport:
    """Return where a ticket stands, without evidence and files."""
    return _brief(store, ticket, store.job_of(ticket.id))


def _brief(store: Store, ticket: Ticket, job: Job) -> JobReport:
    outgoing, costs = store.outgoing(job.number), store.costs(job.number)
    agent = ticket.order.agent or store.settings(ticket.id).agent
    attempts = store.attempts(job.number)
    asked = asking(attempts) if job.status.resumable else None
    needs = needs_of(ticket.order, store.settings(ticket.id)) if job.status is Status.QUEUED else frozenset()
    return JobReport(
        ticket=ticket,
        status=job.status,
        why=job.why or (unmet(needs, store.abilities()) if needs else ""),
        next=job.next,
        agent=agent,
        attempts=attempts,
        branch=next((row.branch for row in reversed(outgoing) if row.done), None),
        commit=outgoing[-1].commit if outgoing else None,
        base=job.base,
        cost=sum(costs.values(), Cost()),
        costs=tuple(costs.get(each.number, Cost()) for each in attempts),
        updated_at=job.updated_at,
        question=asked.question if asked else "",
        options=asked.options if asked else (),
        choices=asked.choices if asked else (),
    )


def full(
    store: Store,
    ticket: Ticket,
    change: Callable[[Depot, str, str], Change],
    diff: Callable[[Depot, str, str], bytes],
) -> JobReport:
    """Return all that is known about a ticket; `change` says what differs between two trees of a depot, `diff` says it as a patch."""
    job = store.job_of(ticket.id)
    report, verdicts = _brief(store, ticket, job), store.verdicts(job.number)
    record = winner(job, report.attempts)
    if record is not None:
        report = replace(
            report,
            # Of a list, or of `auto`, the agent whose attempt this is.
            agent=record.agent,
            title=record.title,
            explanation=record.explanation,
            driver=record.driver or None,
            sandbox=record.sandbox or None,
            without=record.without,
        )
    return replace(
        report,
        commit=report.commit or _commit(store, job),
        files=_files(job, record, change),
        verdict=_verdict(verdicts, record),
        omitted=job.snapshot.omitted if job.snapshot else (),
        diffs=_diffs(job, report.options, diff),
        verdicts=verdicts,
        messages=tuple(_heard(each, report.attempts) for each in store.messages.said(job.number)),
    )


def _heard(message: Message, attempts: Sequence[AttemptRecord]) -> Message:
    """Return a message with the attempt that was told first."""
    told = (each.number for each in attempts if each.told >= message.id and understands(each.agent))
    return replace(message, attempt=next(told, 0))


def _diffs(job: Job, options: tuple[OptionRecord, ...], diff: Callable[[Depot, str, str], bytes]) -> tuple[bytes, ...]:
    if job.snapshot is None or job.base is None:
        return ()
    return tuple(diff(job.snapshot.depot, job.base, option.tree) for option in options)


def _verdict(verdicts: Sequence[Verdict], record: AttemptRecord | None) -> Verdict | None:
    return next((verdict for verdict in reversed(verdicts) if record and verdict.tree == record.tree), None)


def _commit(store: Store, job: Job) -> str | None:
    commits = [step.outcome["commit"] for step in store.steps(job.number) if step.kind == "commit" and step.outcome]
    return str(commits[-1]) if commits else None


def outcome(job: Job, record: AttemptRecord | None) -> tuple[str, str] | None:
    """Return the trees between which the winning proposal lies: from what the user had (or a review's base) to what it proposes."""
    if job.snapshot is None or job.chosen is None or record is None or record.tree is None:
        return None
    reviewed = record.agent.startswith(REVIEW)
    return (job.base or job.snapshot.tree) if reviewed else job.snapshot.tree, record.tree


def winner(job: Job, attempts: tuple[AttemptRecord, ...]) -> AttemptRecord | None:
    """Return the attempt that won, or the last one where none has."""
    chosen = next((record for record in attempts if record.number == job.chosen), None)
    return chosen or (attempts[-1] if attempts else None)


def _files(job: Job, record: AttemptRecord | None, change: Callable[[Depot, str, str], Change]) -> tuple[RepoPath, ...]:
    trees = outcome(job, record)
    if trees is None or job.snapshot is None:
        return ()
    return tuple(change(job.snapshot.depot, *trees).paths())
