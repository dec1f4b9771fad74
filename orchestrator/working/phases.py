"""The way of one ticket: pin, attempt, verify, choose, deliver. Each phase first asks the store whether it has happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.patterns import matching
from orchestrator.records import REVIEW, AttemptRecord, AttemptState, Job, Status
from orchestrator.working import delivery
from orchestrator.working.answering import asking
from orchestrator.working.assignment import Assignment
from orchestrator.working.course import Tried
from orchestrator.working.judging import choose, judge, tied
from orchestrator.working.preferring import preferred
from orchestrator.working.trying import tried_all
from shadowfs import Change, Entry, RefusedPath, Snapshot
from verifier import DECISIVE, EXERCISED, Ran, Verdict
from verifier import Status as RungStatus

TEST_FILES = ("test_*.py", "*_test.py", "tests.py", "test.py")


@dataclass(frozen=True, slots=True)
class Ending:
    """How work on a job ended: its status, why, and the command to type next."""

    status: Status
    why: str = ""
    next: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A proposal and the verdict on it."""

    record: AttemptRecord
    change: Change
    verdict: Verdict


def run(work: Assignment, job: Job) -> Ending:
    """Take a job, as it is on disk, from where it stands to its end. Raises `OutOfBudget`, `Stopped`, `LeaseLost`, and what the engines raise."""
    # Asked first: without a suite nothing can be judged, so nothing is begun.
    suite = work.suite
    work.budget.check()
    with work.span("pin"):
        snapshot = _pin(work, job)
    if work.settings.agent.startswith(REVIEW):
        return _review(work, snapshot)
    base = _base(work, job, snapshot)
    failing = work.order.failing or (_failing_added(work, snapshot, base) if suite.kind == "pytest" else ())
    tried = tried_all(work, snapshot, base, failing)
    judged = [_judged(snapshot, each.record, each.verdict) for each in tried if each.verdict is not None]
    asked = asking([each.record for each in tried])
    # What another attempt proposed, and the ladder verified, needs no answer; a person who sent it back waits for more.
    if asked is not None and (asked.follows or not any(each.verdict.verified for each in judged)):
        return _ask(work, asked)
    if not judged:
        # Where several agents tried, the last one had the last word.
        return Ending(Status.NO_FIX, tried[-1].record.why, tried[-1].record.needs)
    # Where it followed the user, what it stands on has moved.
    with work.span("choose"):
        best, preference = _choose(work, snapshot, judged)
    with work.span("deliver"):
        ending = _deliver(work, (work.order.follow and work.job().snapshot) or snapshot, best)
    return replace(ending, why=" ".join(filter(None, (_instead(tried, best), preference, ending.why))))


def _pin(work: Assignment, job: Job) -> Snapshot:
    if job.snapshot is not None:
        return job.snapshot
    step = work.journal.begin("pin", {"repository": str(work.order.repository)})
    snapshot = work.engines.repositories.pin(work.order.repository, work.settings)
    work.store.record(work.lease, snapshot=snapshot)
    work.journal.finish(step, {"snapshot": snapshot.id, "commit": snapshot.base})
    dirty = ", with uncommitted work" if snapshot.dirty else ""
    work.emit("pin", f"{snapshot.branch or 'detached'} at {snapshot.head[:12]}{dirty}")
    return snapshot


def _base(work: Assignment, job: Job, snapshot: Snapshot) -> str:
    """Return the tree that everything starts from: the pinned one with the ticket's tests in it."""
    if job.base is not None:
        return job.base
    added = {test.path: Entry(0o100644, snapshot.depot.write(test.data)) for test in work.order.added}
    base = snapshot.depot.graft(snapshot.tree, added) if added else snapshot.tree
    snapshot.depot.keep(f"jobs/{work.ticket.id}/base", base)
    work.store.record(work.lease, base=base)
    return base


def _failing_added(work: Assignment, snapshot: Snapshot, base: str) -> tuple[str, ...]:
    """Return which tests of the ticket's own files fail on the base: those are the ones to make pass."""
    is_test = matching(TEST_FILES)
    files = [test.path for test in work.order.added if is_test(test.path)]
    if not files:
        return ()
    for step in work.journal.completed():
        if step.kind == "reproduce":
            known = step.data["failing"]
            return tuple(map(str, known)) if isinstance(known, list) else ()
    number = work.journal.begin("reproduce", {"files": files})
    budget = work.budget.before_judging()
    with work.places.open(snapshot, base) as place:
        allowed = budget.cut(work.settings.limits)
        report = work.engines.runner.run(place.sandbox, work.suite, files, allowed)
    if report.ran is Ran.TIMED_OUT and allowed != work.settings.limits:
        raise budget.spent()
    work.journal.finish(number, {"failing": list(report.bad()), "ran": report.ran, "why": report.why})
    work.emit("progress", f"{len(report.bad())} of the ticket's tests fail on the base")
    return report.bad()


def _judged(snapshot: Snapshot, record: AttemptRecord, verdict: Verdict) -> Judged:
    return Judged(record, snapshot.depot.change(verdict.base, verdict.tree), verdict)


def _choose(work: Assignment, snapshot: Snapshot, judged: Sequence[Judged]) -> tuple[Judged, str]:
    """Return the best, and what a judge model said of it, "" where none was asked."""
    records, verdicts = [each.record for each in judged], [each.verdict for each in judged]
    first, said = choose(records, verdicts, [len(each.change.files) for each in judged]), ""
    best = judged[first]
    rivals = _unlike([judged[at] for at in (first, *(at for at in tied(records, verdicts, first) if at != first))])
    if len(rivals) > 1:
        place, said = preferred(
            work, [each.record.number for each in rivals], [_diff(snapshot, each) for each in rivals]
        )
        best = best if place is None else rivals[place]
    work.store.record(work.lease, chosen=best.record.number)
    return best, said


def _unlike(judged: Sequence[Judged]) -> list[Judged]:
    """Leave out those whose tree is an earlier one's."""
    return list({each.change.tree: each for each in reversed(judged)}.values())[::-1]


def _diff(snapshot: Snapshot, judged: Judged) -> str:
    return snapshot.depot.diff(judged.change.base, judged.change.tree).decode("utf-8", "replace")


def _instead(tried: Sequence[Tried], best: Judged) -> str:
    """Return why what a person asked for last is not what is proposed, "" where it is."""
    last = tried[-1]
    if not last.record.follows or last.record.number == best.record.number:
        return ""
    why = (
        f"found no change: {last.record.why}"
        if last.verdict is None
        else f"is not verified: {_unverified(last.verdict)}"
    )
    return f"attempt {last.record.number} {why}; attempt {best.record.number} stands"


def _ask(work: Assignment, asked: AttemptRecord) -> Ending:
    """Pause with the question of an attempt: nobody guesses, however often the job is resumed."""
    work.emit("ask", asked.question)
    if not asked.options:
        said = "N" if asked.choices else "--text TEXT"
        why = "a question: the attempt goes on with the answer"
        return Ending(Status.PAUSED, why, f"nightcrew answer {work.ticket.id} {said}")
    why = f"a question: which of {len(asked.options)} changes is wanted?"
    return Ending(Status.PAUSED, why, f"nightcrew answer {work.ticket.id} N")


def _deliver(work: Assignment, snapshot: Snapshot, best: Judged) -> Ending:
    verified = best.verdict.verified
    commit = delivery.commit(work.ticket, snapshot, best.record, best.verdict)
    snapshot.depot.keep(f"proposals/{work.ticket.id}", commit)
    work.journal.finish(work.journal.begin("commit", {"tree": best.verdict.tree}), {"commit": commit})
    branch = None
    if work.order.branch and (verified or work.order.keep_unverified):
        try:
            branch = delivery.deliver(work, snapshot, commit)
        except RefusedPath as error:
            return Ending(Status.UNVERIFIED, f"it may not leave the depot: {error}", f"nightcrew diff {work.ticket.id}")
    next_command = f"git diff {snapshot.base[:12]} {branch}" if branch else f"nightcrew diff {work.ticket.id}"
    if verified:
        return Ending(Status.VERIFIED, "", next_command)
    return Ending(Status.UNVERIFIED, _unverified(best.verdict), next_command)


def _review(work: Assignment, snapshot: Snapshot) -> Ending:
    """Judge a ref of the user's repository as if it were an attempt's proposal; deliver nothing."""
    change = work.engines.repositories.compared(snapshot, work.settings.agent.removeprefix(REVIEW))
    work.store.record(work.lease, base=change.base, chosen=1)
    record = AttemptRecord(1, work.settings.agent, 0, AttemptState.PROPOSED, change.tree)
    work.store.put_attempt(work.lease, record)
    verdict = judge(work, snapshot, change, work.order.failing, by_its_own_tests=True)
    work.store.put_attempt(work.lease, work.places.noted(record))
    if verdict.verified:
        return Ending(Status.VERIFIED)
    return Ending(Status.UNVERIFIED, _unverified(verdict))


def _unverified(verdict: Verdict) -> str:
    """Return the first reason why a verdict is none that verifies."""
    failed = [rung for rung in verdict.rungs if rung.status is RungStatus.FAIL]
    # A rung that is not decisive, and was skipped, stood in nobody's way.
    skipped = [rung for rung in verdict.rungs if rung.status is RungStatus.SKIP and rung.name in (EXERCISED, *DECISIVE)]
    # Where that rung is, nobody waits for a test to turn good.
    skipped.sort(key=lambda rung: rung.name != EXERCISED)
    for rung in (*failed, *skipped):
        return f"{rung.name}: {rung.why}"
    return "no rung says that the change holds"
