"""Replays: an attempt gone through again with the code as it is now, on recorded replies, to see how its prompts changed. Asks no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agents import AgentError, Compared, Step, recall
from orchestrator.checkouts.standing import settings_of
from orchestrator.engines import Engines
from orchestrator.errors import WrongStatus
from orchestrator.places.place import Places
from orchestrator.records import AttemptRecord, AttemptState, Job, StepRecord, Watch
from orchestrator.refs import name_of
from orchestrator.store import Store
from orchestrator.store.memory.store import MemoryStore
from orchestrator.working.assignment import Assignment
from orchestrator.working.attempting import attempt
from orchestrator.working.budget import Budget
from orchestrator.working.journal import Journal
from orchestrator.working.lease import Heartbeat

SECONDS = 600.0
_OF_MODELS = frozenset({"note:model_asked", "note:model_replied", "note:model_failed"})
_LEASE_S = 1e9


@dataclass(frozen=True, slots=True)
class Replay:
    """What was asked then and now, in order; how many recorded requests were not asked now, and how the replay ended."""

    compared: tuple[Compared, ...]
    unasked: int
    ended: str


def replay(store: Store, engines: Engines, ticket: str, number: int, watch: Watch) -> Replay:
    """Go through an attempt again in a shadow of its base; nothing is stored or delivered. Raises `WrongStatus` where it asked no model."""
    job = store.job_of(ticket)
    record = next((each for each in store.attempts(job.number) if each.number == number), None)
    steps = [each for each in store.steps(job.number) if each.outcome is not None]
    recording = recall([_read(each) for each in steps if each.attempt == number])
    if record is None or not recording.requests:
        raise WrongStatus(f"attempt {number} of ticket {ticket} asked no model: there is nothing to replay")
    agent, model = engines.replayed(record.agent, recording)
    kept = [each for each in steps if each.kind not in _OF_MODELS]
    ended = _gone_through(
        store, replace(engines, agent=lambda *_: agent, pooled=lambda *_: None), job, record, kept, watch
    )
    return Replay(tuple(model.compared), model.unasked, ended)


def _gone_through(
    store: Store, engines: Engines, job: Job, record: AttemptRecord, steps: Sequence[StepRecord], watch: Watch
) -> str:
    """Work on the attempt as if it had been cut short at its end, with a store in memory; return how that ended."""
    assert job.snapshot is not None and job.base is not None
    ticket, settings = (
        store.ticket(job.ticket),
        replace(settings_of(store, job.ticket), seconds=SECONDS, usd=None, tokens=None),
    )
    # What it keeps in the depot is kept under a name of its own, and let go of below.
    ticket = replace(ticket, id=f"{ticket.id}-replay", order=replace(ticket.order, follow=False))
    memory = MemoryStore()
    lease = memory.claim("replay", _LEASE_S, memory.add(ticket, settings).number)
    assert lease is not None
    for step in steps:
        memory.begin(lease, step.attempt, step.number, step.kind, step.intent)
        memory.finish(lease, step.attempt, step.number, step.outcome or {})
    work = Assignment(
        store=memory,
        lease=lease,
        heartbeat=Heartbeat(memory, lease),
        ticket=ticket,
        settings=settings,
        engines=engines,
        places=Places(engines.drivers, engines.sandboxes, settings, engines.image, engines.branches),
        budget=Budget(SECONDS),
        journal=Journal(memory, lease, 0),
        watch=watch,
        clock=lambda: 0.0,
    )
    failing = ticket.order.failing or _reproduced(steps)
    try:
        ended = attempt(work, job.snapshot, job.base, failing, replace(record, state=AttemptState.OPEN))
    except AgentError as error:
        return str(error)
    for option in range(1, len(ended.options) + 1):
        job.snapshot.depot.drop(name_of(ticket.id, record.number, option))
    return f"{ended.state}: {ended.title or ended.why}"


def _reproduced(steps: Sequence[StepRecord]) -> tuple[str, ...]:
    found = [step.outcome.get("failing") for step in steps if step.kind == "reproduce" and step.outcome]
    return tuple(map(str, found[-1])) if found and isinstance(found[-1], list) else ()


def _read(step: StepRecord) -> Step:
    return Step(step.number, step.kind, {**step.intent, **(step.outcome or {})})
