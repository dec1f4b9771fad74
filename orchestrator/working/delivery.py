"""Delivery: the commit is recorded in the outbox under the lease; then anyone may set the branch to it, once, by compare-and-swap."""

from __future__ import annotations

from datetime import UTC, datetime

from orchestrator.engines import Outlet
from orchestrator.plain import one_line, plain
from orchestrator.records import AttemptRecord, Ticket
from orchestrator.store import Outgoing, Store
from orchestrator.working.assignment import Assignment
from shadowfs import Snapshot
from verifier import Verdict

NAMES = 1000
"""How many names for a branch are tried before this gives up."""


def deliver(work: Assignment, snapshot: Snapshot, commit: str) -> str:
    """Put a commit of the depot on a branch and return the branch's name. What an earlier life recorded is finished, not made anew."""
    row = work.store.put_outgoing(work.lease, commit, f"nightcrew/{work.ticket.id}-{work.ticket.slug}")
    branch = finish(work.store, work.engines.repositories, snapshot, row)
    work.emit("deliver", f"branch {branch}")
    return branch


def finish(store: Store, outlet: Outlet, snapshot: Snapshot, row: Outgoing) -> str:
    """Do the second half of a delivery and return the branch's name. Anyone may, as often as they like: there is one branch."""
    if row.done:
        return row.branch
    outlet.send(snapshot, row.commit)
    wanted = branch = row.branch
    for version in range(2, NAMES):
        if outlet.set_branch(snapshot.repository, branch, row.commit):
            store.deliver(row.id)
            return branch
        # Somebody else's branch has the name. The next name is recorded before it is used, so that a repetition uses it too.
        old, branch = branch, f"{wanted}-{version}"
        if not store.rename_outgoing(row.id, old, branch):
            return finish(store, outlet, snapshot, next(now for now in store.outgoing(row.job) if now.id == row.id))
    raise FileExistsError(
        f"{wanted} and {NAMES} further names are taken in {snapshot.repository}: delete old nightcrew/ branches"
    )


def commit(ticket: Ticket, snapshot: Snapshot, record: AttemptRecord, verdict: Verdict) -> str:
    """Make the commit of a judged proposal in the depot and return its id: it carries the tree that the verdict names."""
    # The time is the ticket's: the same proposal is the same commit in every life.
    when = datetime.fromtimestamp(int(ticket.filed_at), UTC)
    return snapshot.depot.commit(verdict.tree, [snapshot.base], _message(ticket, snapshot, record, verdict), when)


def _message(ticket: Ticket, snapshot: Snapshot, record: AttemptRecord, verdict: Verdict) -> str:
    title = one_line(record.title or ticket.order.text, 72)
    said = ", ".join(f"{rung.name} {rung.status}" for rung in verdict.rungs)
    trailers = [
        f"Nightcrew-Ticket: {ticket.id}",
        f"Nightcrew-Verdict: {'verified' if verdict.verified else 'unverified'} base={verdict.base} tree={verdict.tree} ({said})",
    ]
    if own := ticket.order.own_tests:
        trailers.append(
            f"Nightcrew-Tests: {', '.join(map(one_line, own))}: written by who made the change, and judged by nobody"
        )
    if snapshot.dirty:
        trailers.append(f"Nightcrew-Parent: uncommitted work on {snapshot.head}, local, never to be pushed")
    paragraphs = [title, plain(record.explanation).strip(), "\n".join(trailers)]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"
