"""Hearing: what a person says to a job while it waits or is at work is told to its agent once, as data, by its next attempt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agents import NoFix, Stopped
from orchestrator.errors import OrderRefused, WrongStatus
from orchestrator.plain import plain
from orchestrator.records import CLIENT, REVIEW, AttemptRecord, AttemptState, Job, Message, Status
from orchestrator.refs import name_of
from orchestrator.returning import author, understands
from orchestrator.roster import AUTO, agents_of
from orchestrator.store import CLAIMABLE, Store
from orchestrator.working.answering import TEXT_CHARACTERS, asking, exchanges
from orchestrator.working.assignment import Assignment
from orchestrator.working.course import Tried
from orchestrator.working.journal import Journal

MOST = 50
"""How many messages a job takes in all."""
LISTENING = (*CLAIMABLE, Status.WORKING)
"""Where a job stands that takes messages."""
_STEP = "message"


class Spoken(Stopped):
    """Raised when somebody said something that the attempt at work was not told."""


@dataclass(frozen=True, slots=True)
class Interrupted(NoFix):
    """An end for now: the next attempt goes on from the files as they are, and is told what somebody said."""


def say(store: Store, job: Job, text: str, who: str) -> None:
    """Keep a message to a job; it is on disk when this returns. Raises `OrderRefused`, `WrongStatus`."""
    words = plain(text).strip()
    if not 1 <= len(words) <= TEXT_CHARACTERS:
        raise OrderRefused(f"a message has 1 to {TEXT_CHARACTERS:,} characters; this one has {len(words):,}")
    _check_hears(store, job)
    if len(store.messages.said(job.number)) >= MOST:
        raise OrderRefused(f"ticket {job.ticket} was sent {MOST} messages: stop it, and file a ticket that says all")
    if not store.messages.say(job.number, who, words, LISTENING):
        raise _ended(store.job(job.number))


def latest(attempts: Sequence[AttemptRecord]) -> int:
    """Return the last message that a job's attempts were told, 0 for none."""
    return max((record.told for record in attempts), default=0)


def listening(work: Assignment, record: AttemptRecord, stopping: Callable[[], None]) -> Callable[[], None]:
    """Return what an attempt asks at each step: it raises as `stopping`, and `Spoken` where there is something to tell its agent."""
    if not understands(record.agent):
        return stopping
    told = latest(work.store.attempts(work.lease.job))

    def asked() -> None:
        stopping()
        if work.store.messages.said(work.lease.job, told):
            raise Spoken("somebody said something")

    return asked


def told_so_far(work: Assignment, record: AttemptRecord) -> AttemptRecord:
    """Return an attempt that is to be made with all that was said to its job by now."""
    said = work.store.messages.said(work.lease.job) if understands(record.agent) else ()
    if not said:
        return record
    _note(work, record.number, said, {})
    return replace(record, heard=(*record.heard, *map(_words, said)), told=said[-1].id)


def going_on(work: Assignment, agents: Sequence[str], tried: Sequence[Tried], base: str) -> AttemptRecord | None:
    """Return the attempt that goes on from the last one with what was said since; None where nothing was, or nobody here understands it.

    It is in the store when this returns. Raises `OutOfBudget`.
    """
    if not work.store.messages.said(work.lease.job):
        return None
    attempts = work.store.attempts(work.lease.job)
    said = work.store.messages.said(work.lease.job, latest(attempts))
    if not said or not tried or asking([each.record for each in tried]) is not None:
        # A question is answered first: the attempt that goes on with the answer is told.
        return None
    of = tried[-1].record
    agent = next((each for each in (author(attempts, of), *agents) if understands(each)), None)
    if agent is None:
        _note(work, 0, said, {"why": "no agent of this job understands words"})
        work.store.put_attempt(work.lease, replace(of, told=said[-1].id))
        return None
    work.budget.before_judging().check()
    files = f"The files are as attempt {of.number} left them. It worked on the ticket before you, until that was said."
    record = AttemptRecord(
        of.number + 1,
        agent,
        of.seed,
        reason="somebody sent a message",
        variant=of.variant,
        refused=of.refused,
        heard=(*of.heard, *exchanges(of), *map(_words, said), files),
        follows=of.number,
        told=said[-1].id,
    )
    tree = of.tree or base
    _note(work, record.number, said, {"tree": tree})
    work.store.put_attempt(work.lease, record)
    return record


def _note(work: Assignment, attempt: int, said: Sequence[Message], outcome: dict[str, object]) -> None:
    """Journal messages in an attempt, those of an earlier life not again; the tree in `outcome` is where the attempt starts."""
    journal = Journal(work.store, work.lease, attempt) if attempt else work.journal
    known = {step.data["id"] for step in journal.completed() if step.kind == _STEP}
    if "tree" in outcome:
        snapshot = work.job().snapshot
        assert snapshot is not None
        snapshot.depot.keep(name_of(work.ticket.id, attempt), str(outcome["tree"]))
    for each in said:
        if each.id not in known:
            journal.finish(journal.begin(_STEP, {"id": each.id, "by": each.who, "text": each.text}), outcome)
            work.emit("progress", f"{each.who} said something")


def _words(message: Message) -> str:
    return f"While this ticket was worked on, a person said of it:\n{message.text}"


def _check_hears(store: Store, job: Job) -> None:
    ticket, attempts = store.ticket(job.ticket), store.attempts(job.number)
    agents = agents_of(store.settings(job.ticket).agent)
    if job.status not in LISTENING:
        raise _ended(job)
    if job.status is not Status.WORKING and asking(attempts) is not None:
        raise WrongStatus(f"ticket {job.ticket} waits for an answer: `nightcrew answer {job.ticket} --text …` gives it")
    if ticket.order.follow:
        raise OrderRefused(
            f"ticket {job.ticket} follows what you save: say it in a file there, or stop it and file another"
        )
    if agents[0] == CLIENT:
        raise OrderRefused(f"a client of `nightcrew mcp` works on ticket {job.ticket}: say it there")
    at_work = [each.agent for each in attempts if each.state is AttemptState.OPEN]
    if agents[0].startswith(REVIEW) or not any(each == AUTO or understands(each) for each in (*agents, *at_work)):
        raise OrderRefused(
            f"the agent {', '.join(agents)!r} understands tests, not words: `nightcrew stop {job.ticket}`, and file it again with a test"
            " that shows what you mean, or for an agent that reads (--agent model, acp:CMD or command:CMD)"
        )


def _ended(job: Job) -> WrongStatus:
    then = f"`nightcrew comment {job.ticket} --text …` sends its change back to work"
    if job.status not in (Status.VERIFIED, Status.UNVERIFIED, Status.ACCEPTED):
        then = "file a ticket that says it"
    return WrongStatus(f"ticket {job.ticket} has ended ({job.status}), and hears no more: {then}")
