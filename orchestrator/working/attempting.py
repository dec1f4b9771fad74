"""Attempts: one agent on a fresh shadow of the base, from its first step (or where a crash left it) to a sealed tree."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import replace

from agents import Agent, Locator, NoFix, OutOfBudget, Proposal, Query, Question, Result, Stopped, Task, Variant
from orchestrator.patterns import matching
from orchestrator.places.forking import forking
from orchestrator.places.languages import languages_in
from orchestrator.places.locating import locator
from orchestrator.places.place import Place
from orchestrator.places.workspace import ShadowWorkspace
from orchestrator.records import AttemptRecord, AttemptState, OptionRecord
from orchestrator.refs import name_of
from orchestrator.working.allowance import LimitReached
from orchestrator.working.assignment import Assignment
from orchestrator.working.budget import LEAST_S, Budget
from orchestrator.working.following import beside_user, ended_beside, journal_of, left_by, stopping_beside
from orchestrator.working.hearing import Interrupted, Spoken, listening
from orchestrator.working.warmth import warmed
from shadowfs import Change, Entry, RepoPath, Snapshot
from verifier import VerifierError, WarmServers

BYPRODUCTS = (
    "__pycache__/",
    "*.pyc",
    ".pytest_cache/",
    ".hypothesis/",
    ".coverage",
    ".coverage.*",
    ".mypy_cache/",
    ".ruff_cache/",
    ".tox/",
    "*.egg-info/",
    ".nightcrew*",
)
"""What running tests and tools leaves lying about: never part of a proposal, unless the base has it."""


def attempt(
    work: Assignment, snapshot: Snapshot, base: str, failing: tuple[str, ...], record: AttemptRecord, share: float = 1.0
) -> AttemptRecord:
    """Work on an open attempt to its end and return what came of it. Raises `OutOfBudget`, `Stopped`; the work so far is kept.

    It gets a `share` of the seconds that are left; where that is less than all, its end is the attempt's.
    """
    work.engines.warm_place.reap()
    steps = journal_of(work, record.number)
    agent = work.engines.agent(record.agent, work.ticket.alias)
    task = _task(work, failing, record)
    protects = _protection(work, task.protected)
    base, start = left_by(steps, base)
    _tell(work, record, agent, goes_on=start != base or bool(record.answers))
    with (
        warmed(work, steps, record.agent, agent, task, snapshot, start) as runner,
        work.places.open(snapshot, start) as place,
        beside_user(work, place.shadow, steps, base) as beside,
    ):
        record = replace(work.places.noted(record), tree=start)
        work.store.put_attempt(work.lease, record)
        budget = work.budget.before_judging(share)
        left_s = work.budget.remaining_s()
        servers, index = work.places.servers(lambda: nullcontext(place)), _index(work, place)
        languages = languages_in(
            place,
            base,
            servers,
            stopping=work.stopping,
            remaining_s=budget.remaining_s,
            warm=_warm(work, snapshot, base),
            say=lambda why: steps.finish(steps.begin("language", {"why": why}), {}),
        )
        workspace = ShadowWorkspace(
            place=place,
            base=base,
            task=task,
            runner=runner,
            limits=work.settings.limits,
            steps=steps,
            budget=budget,
            protects=protects,
            stopping=listening(work, record, stopping_beside(work, beside, languages)),
            emit=work.emit,
            forking=forking(work.places, base, servers, stopping=work.stopping, remaining_s=budget.remaining_s),
            languages=languages,
            locator=index,
            base_now=None if beside is None else beside.base,
        )
        with languages, nullcontext() if index is None else closing(index):
            result = _within_its_share(agent, task, workspace, work.budget.before_judging, share)
        place.sandbox.close()
        base = base if beside is None else beside.settled()
        change = _cleaned(snapshot, snapshot.depot.change(base, place.shadow.seal().tree), protects)
        if beside is not None:
            change, result = ended_beside(work, beside, change, result)
    options = _kept_options(work, snapshot, record, result, protects) if isinstance(result, Question) else ()
    record = replace(_ended(record, result, change, options), seconds=left_s - work.budget.remaining_s())
    work.store.put_attempt(work.lease, record)
    return record


def _tell(work: Assignment, record: AttemptRecord, agent: Agent, *, goes_on: bool) -> None:
    told = " goes on" if goes_on else f" ({record.reason})" if record.reason else ""
    work.emit("attempt", f"attempt {record.number}: {agent.name}{told}")


def _task(work: Assignment, failing: tuple[str, ...], record: AttemptRecord) -> Task:
    return Task(
        "\n\n".join((work.order.text, *record.heard)),
        work.suite,
        failing,
        frozenset(added.path for added in work.order.added),
        record.seed,
        work.settings.ask,
        plan=work.order.plan,
        answers=record.answers,
        variant=Variant(record.variant),
        model=work.order.program_model,
        refused=record.refused,
        examples=work.order.examples,
        follow=work.order.follow,
        formed=work.store.forms.latest(record.agent) if record.agent.partition(":")[0] == "model" else (),
    )


def _index(work: Assignment, place: Place) -> Locator | None:
    """Return the code index over a shadow, None where there is none."""
    folder = work.engines.index
    return None if folder is None else locator(folder, place.shadow, lambda text: work.emit("progress", text))


def _warm(work: Assignment, snapshot: Snapshot, base: str) -> Callable[[], WarmServers | None]:
    """Return what gives the language servers that are kept warm on the base: none where a shadow is a copy, which costs more than they do."""
    places = work.places
    if places.driver == "copy":
        return lambda: None
    return lambda: work.engines.warm_place.servers(snapshot, base, places.how, lambda: places.bare(snapshot, base))


def _within_its_share(
    agent: Agent, task: Task, workspace: ShadowWorkspace, left: Callable[[], Budget], share: float
) -> Result:
    """Let an agent work; where its share of the seconds ends first, and not what all have, it found nothing."""
    try:
        return _let_work(agent, task, workspace)
    except OutOfBudget as error:
        if share == 1.0 or isinstance(error, LimitReached) or left().remaining_s() < LEAST_S:
            raise
        return NoFix(f"its share of the seconds was spent: {error}", "More seconds.")


def _let_work(agent: Agent, task: Task, workspace: ShadowWorkspace) -> Result:
    try:
        result = agent.work(task, workspace)
        if isinstance(result, Query):
            # The answer finds the files as they are now.
            workspace.keep()
        elif task.plan and not task.answers and not isinstance(result, NoFix):
            # Whichever agent it was: nobody approved anything.
            return NoFix("It made no plan, and one was to be approved first.", "An agent that plans, or no --plan.")
        return result
    except Spoken:
        workspace.keep()
        return Interrupted("somebody sent a message: the next attempt goes on with it")
    except (OutOfBudget, Stopped, KeyboardInterrupt):
        workspace.keep()
        raise
    except VerifierError:
        if workspace.remaining_s() >= LEAST_S:
            raise
        # Trials get the time that is left and end with it: what failed then is the budget, not they.
        workspace.keep()
        raise workspace.budget.spent() from None


def _protection(work: Assignment, paths: frozenset[RepoPath]) -> Callable[[RepoPath], bool]:
    matches = matching(work.settings.protected)
    return lambda path: path in paths or matches(path)


def _cleaned(snapshot: Snapshot, change: Change, protects: Callable[[RepoPath], bool]) -> Change:
    """Return a change without by-products, protected files as they were."""
    leftover = matching(BYPRODUCTS)
    undone: dict[RepoPath, Entry | None] = {
        file.path: file.before
        for file in change.files
        if protects(file.path) or (file.before is None and leftover(file.path))
    }
    if not undone:
        return change
    return snapshot.depot.change(change.base, snapshot.depot.graft(change.tree, undone))


def _kept_options(
    work: Assignment,
    snapshot: Snapshot,
    record: AttemptRecord,
    question: Question,
    protects: Callable[[RepoPath], bool],
) -> tuple[OptionRecord, ...]:
    """Keep the trees of a question's options in the depot, as proposals are kept."""
    kept = []
    for number, option in enumerate(question.options, 1):
        proposal = option.proposal
        tree = _cleaned(snapshot, proposal.change, protects).tree
        snapshot.depot.keep(name_of(work.ticket.id, record.number, number), tree)
        kept.append(OptionRecord(proposal.title, proposal.explanation, option.shows, tree))
    return tuple(kept)


def _ended(record: AttemptRecord, result: Result, change: Change, options: tuple[OptionRecord, ...]) -> AttemptRecord:
    match result:
        case Interrupted(why=why):
            return replace(record, state=AttemptState.INTERRUPTED, tree=change.tree, why=why)
        case NoFix(why, needs):
            return replace(record, state=AttemptState.NO_FIX, tree=change.tree, why=why, needs=needs)
        case Question(text=text):
            return replace(record, state=AttemptState.ASKED, tree=change.tree, question=text, options=options)
        case Query(text, choices):
            return replace(record, state=AttemptState.ASKED, tree=change.tree, question=text, choices=choices)
        case Proposal(title=title, explanation=explanation) if change:
            return replace(record, state=AttemptState.PROPOSED, tree=change.tree, title=title, explanation=explanation)
        case _:
            why = "the agent ended without changing a file that belongs to the change"
            return replace(record, state=AttemptState.NO_FIX, tree=change.tree, why=why)
