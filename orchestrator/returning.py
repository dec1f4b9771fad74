"""Returning: a change goes back, with what a reviewer said of it or as the part of it that one chose, as the job's next attempt. A worker does the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.errors import OrderRefused, WrongStatus
from orchestrator.plain import one_line, plain
from orchestrator.records import CLIENT, PART, REVIEW, AttemptRecord, AttemptState, Job, Remark, Status
from orchestrator.refs import name_of
from orchestrator.store import Store
from orchestrator.working.journal import Journal
from orchestrator.working.lease import LEASE_S, Owner

REMARKS = 50
TEXT_CHARACTERS = 8_000
"""Of one remark."""
_DEAF = ("repair", "migrate")


@dataclass(frozen=True, slots=True)
class Return:
    """What a job goes back with: an attempt to add, and the journal's word of it. `tree` is where the attempt starts."""

    record: AttemptRecord
    kind: str
    told: Mapping[str, object]
    tree: str


def with_remarks(
    job: Job,
    attempts: Sequence[AttemptRecord],
    of: AttemptRecord,
    remarks: Sequence[Remark],
    who: str,
    agent: str | None,
) -> Return:
    """Return the attempt in which an agent goes on from the change of another with what was said. Raises `OrderRefused`.

    Its agent is the one that made the change, unless `agent` names one.
    """
    said = _said(of, remarks)
    agent = agent or author(attempts, of)
    _check_hears(job, agent)
    record = AttemptRecord(
        len(attempts) + 1,
        agent,
        of.seed,
        reason="a reviewer sent it back",
        variant=of.variant,
        heard=(*of.heard, said),
        follows=of.number,
    )
    assert of.tree is not None
    return Return(record, "comment", {"by": who, "of": of.number, "said": said}, of.tree)


def of_part(attempts: Sequence[AttemptRecord], of: AttemptRecord, tree: str, who: str, *, edited: bool) -> Return:
    """Return the attempt that proposes a part of another's change, as a person chose or edited it."""
    how = "edited by a person" if edited else "the part of it that a person chose"
    record = replace(
        of,
        number=len(attempts) + 1,
        agent=f"{PART}{of.number}",
        state=AttemptState.PROPOSED,
        tree=tree,
        explanation=f"{of.explanation}\n\nThis is attempt {of.number}, {how} ({who}).".strip(),
        reason=f"{who} chose",
        follows=of.number,
        question="",
        options=(),
        answer=None,
        choices=(),
        seconds=0.0,
    )
    return Return(record, "part", {"by": who, "of": of.number, "tree": tree}, tree)


def send_back(
    store: Store, job: Job, back: Return, among: Sequence[Status], why: str, *, seconds: float | None
) -> None:
    """Add the attempt and queue the job, its seconds made enough for a fresh start unless `seconds` says how many to add.

    Raises `WrongStatus` where somebody was faster. A process that dies in between leaves a job that `resume` takes on.
    """
    if not store.mark(job.number, Status.PAUSED, why, among, job.fence):
        raise WrongStatus(f"ticket {job.ticket} moved on meanwhile: `nightcrew show {job.ticket}` says how it stands")
    lease = store.claim(str(Owner.here()), LEASE_S, job.number)
    if lease is None:
        raise WrongStatus(f"ticket {job.ticket} was taken by a worker meanwhile: `nightcrew show {job.ticket}`")
    assert job.snapshot is not None
    job.snapshot.depot.keep(name_of(job.ticket, back.record.number), back.tree)
    journal = Journal(store, lease, back.record.number)
    step = journal.begin(back.kind, back.told)
    store.put_attempt(lease, back.record)
    journal.finish(step, {"tree": back.tree})
    if seconds is None:
        fresh = store.settings(job.ticket).seconds
        seconds = max(0.0, store.cost(job.number).seconds + fresh - job.seconds)
    store.grant(job.number, seconds, 0.0, 0)
    store.end(lease, Status.QUEUED, why, "nightcrew work")


def _said(of: AttemptRecord, remarks: Sequence[Remark]) -> str:
    if not 1 <= len(remarks) <= REMARKS:
        raise OrderRefused(f"{len(remarks)} remarks cannot go back: send 1 to {REMARKS}")
    lines = [f"The files hold the change of attempt {of.number} already. A person reviewed it, and said:"]
    for each in remarks:
        text = plain(each.text).strip()
        if not text or len(text) > TEXT_CHARACTERS:
            raise OrderRefused(f"a remark has 1 to {TEXT_CHARACTERS:,} characters; this one has {len(text):,}")
        place = "" if each.path is None else f"{one_line(each.path, 300)}{f':{each.line}' if each.line else ''}: "
        lines.append(f"- {place}{text}")
    return "\n".join(lines)


def author(attempts: Sequence[AttemptRecord], of: AttemptRecord) -> str:
    """Return the agent that made a change, whoever chose a part of it since."""
    by = {record.number: record for record in attempts}
    while of.agent.startswith(PART) and of.follows in by:
        of = by[of.follows]
    return of.agent


def understands(agent: str) -> bool:
    """Say whether an agent that is no person, and no client's, goes by words."""
    return agent.partition(":")[0] not in (*_DEAF, CLIENT) and not agent.startswith((REVIEW, PART))


def _check_hears(job: Job, agent: str) -> None:
    if agent.startswith((REVIEW, PART)):
        raise OrderRefused(f"ticket {job.ticket} is a review of somebody's branch: tell its author, or file a ticket")
    if agent == CLIENT:
        raise OrderRefused(f"a client of `nightcrew mcp` made this change: have it go on with `begin` and {job.ticket}")
    if not understands(agent):
        raise OrderRefused(
            f"the agent {agent!r} understands tests, not words: name one that reads (--agent model, acp:CMD or command:CMD), or edit"
            " the change yourself"
        )
