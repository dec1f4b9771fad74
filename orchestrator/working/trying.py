"""Trying: the attempts of a job, made one after the other, each judged before one that depends on it; known ones are not made again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agents import ModelError, OutOfBudget
from orchestrator.examples import MIGRATE
from orchestrator.records import PART, AttemptRecord, AttemptState, Outcome
from orchestrator.refs import name_of
from orchestrator.returning import author
from orchestrator.roster import AUTO, agents_of
from orchestrator.working.assignment import Assignment
from orchestrator.working.attempting import attempt
from orchestrator.working.budget import LEAST_S
from orchestrator.working.course import Course, Tried, following, objection, settled
from orchestrator.working.hearing import going_on, told_so_far
from orchestrator.working.judging import judge, proposals
from orchestrator.working.kind import Kind, kind_of
from orchestrator.working.routing import best_order, prospect
from shadowfs import Snapshot

SHARE = 0.5
"""Of the seconds that are left, what an agent gets that another is to follow."""
REMEMBERED_S = 180 * 86_400.0
"""How long a verdict says something of an agent: agents and repositories change."""
_PYTHON = ("pytest", "unittest")


@dataclass(frozen=True, slots=True)
class Ground:
    """What the attempts of a job start from: the pin, the tree with the ticket's tests, the tests that must pass, the ticket's kind."""

    snapshot: Snapshot
    base: str
    failing: tuple[str, ...]
    kind: Kind


def tried_all(work: Assignment, snapshot: Snapshot, base: str, failing: tuple[str, ...]) -> list[Tried]:
    """Make and judge attempts until one is verified, one asks, or there is nothing left to try. Raises `OutOfBudget`.

    Attempts that are to be compared are all made before the first is judged; where the budget ends meanwhile, what is proposed
    by then is judged, and is the end only where it is verified.
    """
    language = "python" if work.suite.kind in _PYTHON else "none"
    ground = Ground(snapshot, base, failing, kind_of(work.order.text, failing, language))
    course = _course(work, ground)
    known = {record.number: record for record in work.store.attempts(work.lease.job)}
    tried: list[Tried] = []
    spent: OutOfBudget | None = None
    while (record := known.get(len(tried) + 1) or _next(work, ground, course, tried)) is not None:
        compared = record.number <= course.attempts
        if record.state is AttemptState.OPEN:
            if not compared and not record.follows and record.number not in known and _spent(work):
                break
            try:
                record = _made(work, ground, course, record)
                ground = _under(work, ground)
            except OutOfBudget as error:
                if not compared:
                    raise
                spent = error
                break
        tried.append(Tried(record))
        if len(tried) >= course.attempts:
            tried = _judged(work, ground, tried)
    tried = _judged(work, ground, tried)
    if spent is not None and not settled(tried):
        raise spent
    return tried


def _next(work: Assignment, ground: Ground, course: Course, tried: Sequence[Tried]) -> AttemptRecord | None:
    """Return the attempt to make next, which is told what was said to the job by now."""
    interrupted = bool(tried) and tried[-1].record.state is AttemptState.INTERRUPTED
    record = None if interrupted else following(course, tried)
    return going_on(work, course.agents, tried, ground.base) if record is None else told_so_far(work, record)


def _course(work: Assignment, ground: Ground) -> Course:
    settings = work.settings
    agents, reasons = agents_of(settings.agent), tuple[str, ...]()
    if agents == (AUTO,):
        agents, reasons = _routed(work, ground.kind)
    return Course(agents, reasons, settings.attempts, settings.rounds, work.order.seed)


def _routed(work: Assignment, kind: Kind) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Choose agents by what verdicts said of them before; what an earlier life chose stands."""
    for step in work.journal.completed():
        if step.kind == "route":
            agents, reasons = step.data["agents"], step.data["reasons"]
            if isinstance(agents, list) and isinstance(reasons, list):
                return tuple(map(str, agents)), tuple(map(str, reasons))
    tallies = work.store.tallies(work.order.repository, str(kind), work.clock() - REMEMBERED_S)
    order = best_order([prospect(offer, tallies) for offer in work.engines.offers()])
    agents = tuple(each.agent for each in order)
    reasons = tuple(f"{at} of {len(order)}: {each.told()}" for at, each in enumerate(order, 1))
    step_number = work.journal.begin("route", {"kind": kind.told(), "agents": list(agents), "reasons": list(reasons)})
    work.journal.finish(step_number, {})
    work.emit("progress", f"agents to try: {', '.join(agents)}")
    return agents, reasons


def _spent(work: Assignment) -> bool:
    return work.budget.before_judging().remaining_s() < LEAST_S


def _made(work: Assignment, ground: Ground, course: Course, record: AttemptRecord) -> AttemptRecord:
    """Make an attempt; where its model cannot be asked and another agent is to follow, that is its end."""
    followed = course.attempts == 1 and bool(course.above(record.agent))
    share = SHARE if followed else 1.0
    try:
        with work.span("attempt", attempt=record.number, agent=record.agent.partition(":")[0]):
            record = attempt(work, ground.snapshot, ground.base, ground.failing, record, share)
    except ModelError as error:
        if not followed:
            raise
        record = replace(work.places.noted(record), state=AttemptState.NO_FIX, tree=ground.base, why=str(error))
        work.store.put_attempt(work.lease, record)
    else:
        if record.state is AttemptState.NO_FIX:
            _learn(work, ground, record, verified=False)
    ground.snapshot.depot.keep(name_of(work.ticket.id, record.number), record.tree or ground.base)
    return record


def _under(work: Assignment, ground: Ground) -> Ground:
    """Return what an attempt stands on in the end: one that followed the user has moved."""
    if not work.order.follow:
        return ground
    job = work.job()
    return replace(ground, snapshot=job.snapshot or ground.snapshot, base=job.base or ground.base)


def _judged(work: Assignment, ground: Ground, tried: Sequence[Tried]) -> list[Tried]:
    """Judge every proposal that is not judged yet; where the budget ends first, one that is verified by then is enough."""
    judged: list[Tried] = []
    for at, each in enumerate(tried):
        try:
            judged.append(_with_verdict(work, ground, each))
        except OutOfBudget:
            if not any(one.verdict and one.verdict.verified for one in judged):
                raise
            return [*judged, *tried[at:]]
    return judged


def _with_verdict(work: Assignment, ground: Ground, tried: Tried) -> Tried:
    record, depot = tried.record, ground.snapshot.depot
    if tried.verdict is not None or not proposals([record]):
        return tried
    tree = record.tree or ground.base
    verdict = judge(
        work, ground.snapshot, depot.change(ground.base, tree), ground.failing, keeps=_author(work, record) == MIGRATE
    )
    said = "" if verdict.verified else objection(record, depot.diff(ground.base, tree), verdict)
    if verdict.verified or said:
        _learn(work, ground, record, verified=verdict.verified)
    return Tried(record, verdict, said)


def _author(work: Assignment, record: AttemptRecord) -> str:
    """Return the agent that made a change, whoever chose a part of it since."""
    return author(work.store.attempts(work.lease.job), record) if record.agent.startswith(PART) else record.agent


def _learn(work: Assignment, ground: Ground, record: AttemptRecord, *, verified: bool) -> None:
    """Keep what became of an attempt, where the ladder or its agent said yes or no."""
    usd = work.store.cost(work.lease.job, attempt=record.number).usd
    # As text that any database takes: a command may hold what is no Unicode.
    agent = record.agent.encode("utf-8", "replace").decode()
    outcome = Outcome(record.number, agent, str(ground.kind), verified, usd, record.seconds)
    work.store.put_outcome(work.lease, outcome)
