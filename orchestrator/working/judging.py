"""Judging: each proposal up the ladder on fresh places, once for each tree; then the choice among the attempts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from orchestrator.patterns import matching
from orchestrator.records import AttemptRecord, AttemptState
from orchestrator.working.assignment import Assignment
from sandbox import Sandbox
from shadowfs import Change, RepoPath, Snapshot
from verifier import Case, OutOfTime, RungResult, Status, Verdict

ROUNDS = 3
"""How often a change is judged, at most, while ignored files keep changing under it."""


def judge(
    work: Assignment,
    snapshot: Snapshot,
    change: Change,
    failing: tuple[str, ...],
    *,
    by_its_own_tests: bool = False,
    keeps: bool = False,
) -> Verdict:
    """Return the verdict on `change`: the one the store has, or a new one, kept before this returns.

    `by_its_own_tests` says whether tests that the change brings are evidence: whoever is judged by them must not be an agent. `keeps`
    says that it is to keep what the code does, and is evidence where passing tests run all of it.
    Raises `OutOfBudget` where the budget ends first; no verdict is kept then, and the next call begins with the first rung.
    """
    for verdict in work.store.verdicts(work.lease.job):
        if (verdict.base, verdict.tree) == (change.base, change.tree):
            return verdict
    step = work.journal.begin("verify", {"base": change.base, "tree": change.tree})
    case = replace(_case(work, snapshot, change, failing), keeps=keeps)
    if by_its_own_tests:
        case = replace(case, with_files=lambda files: snapshot.depot.graft(change.base, files))
    with work.span("verify", tree=change.tree):
        verdict = _settled(work, snapshot, case)
    work.store.put_verdict(work.lease, verdict)
    work.journal.finish(step, {"verified": verdict.verified})
    return verdict


def tied(attempts: Sequence[AttemptRecord], verdicts: Sequence[Verdict], best: int) -> tuple[int, ...]:
    """Return the indices of the verified attempts of which the evidence says the same as of the best."""
    if not verdicts[best].verified:
        return (best,)
    found = _evidence(attempts[best], verdicts[best])
    return tuple(at for at, each in enumerate(attempts) if _evidence(each, verdicts[at]) == found)


def choose(attempts: Sequence[AttemptRecord], verdicts: Sequence[Verdict], sizes: Sequence[int]) -> int:
    """Return the index of the attempt with the best evidence: verified first, then what a person asked for last, then fewer failed and
    more passed rungs, then the smaller change.
    """

    def merit(index: int) -> tuple[bool, int, int, int, int, int]:
        return *_evidence(attempts[index], verdicts[index]), -sizes[index], -attempts[index].number

    return max(range(len(attempts)), key=merit)


def _evidence(attempt: AttemptRecord, verdict: Verdict) -> tuple[bool, int, int, int]:
    statuses = [rung.status for rung in verdict.rungs]
    wanted = attempt.number if attempt.follows else 0
    return verdict.verified, wanted, -statuses.count(Status.FAIL), statuses.count(Status.PASS)


def proposals(attempts: Sequence[AttemptRecord]) -> tuple[AttemptRecord, ...]:
    """Return the attempts that ended with a proposal."""
    return tuple(record for record in attempts if record.state is AttemptState.PROPOSED and record.tree)


def _settled(work: Assignment, snapshot: Snapshot, case: Case) -> Verdict:
    """Judge until the ignored files stood still meanwhile: their content is live, so a verdict holds only for what was there."""
    before = snapshot.fingerprint
    for _ in range(ROUNDS):
        try:
            verdict = work.engines.judge(case, lambda name, result: _tell(work, name, result))
        except OutOfTime:
            raise work.budget.spent() from None
        now = work.engines.repositories.fingerprint(snapshot)
        if now == before:
            return verdict
        before = now
        work.emit("verify", "ignored files changed since the pin: verifying again")
    return verdict


def _tell(work: Assignment, name: str, result: RungResult | None) -> None:
    work.stopping()
    if result is None:
        work.emit("verify", f"{name} …")
    else:
        work.emit("rung", f"{name}: {result.status}: {result.why}")


def _case(work: Assignment, snapshot: Snapshot, change: Change, failing: tuple[str, ...]) -> Case:
    @contextmanager
    def fresh(tree: str) -> Iterator[Sandbox]:
        work.stopping()
        work.budget.check()
        with work.places.open(snapshot, tree) as place:
            yield place.sandbox

    return Case(
        change=change,
        suite=work.suite,
        open=fresh,
        failing=failing,
        protected=frozenset(added.path for added in work.order.added),
        allowed=_allowed(work, change),
        limits=work.settings.limits,
        repeats=work.settings.repeats,
        left_s=work.budget.remaining_s,
        servers=work.places.servers(lambda: work.places.bare(snapshot, change.base)),
    )


def _allowed(work: Assignment, change: Change) -> frozenset[RepoPath]:
    allows = matching(work.settings.allowed)
    return frozenset(path for path in change.paths() if allows(path))
