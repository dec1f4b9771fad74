"""The rung `reproduce`: what the ticket complains about fails on the base and passes with the change, each time.

Without a failing test in the ticket, any test that went from failing to passing is taken for the reproduction; where there is
none and the case allows it, one that the change brings and that fails on the base with its file put in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shadowfs import RepoPath
from verifier.measure import Measure
from verifier.rungs.brought import Brought, brought
from verifier.selection import below, collection_error, lies_in, selected
from verifier.suite import Outcome, Ran, SuiteReport, TestResult
from verifier.verdict import Case, Evidence, RungResult, Status

_FAILING = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.XFAILED})
_PASSING = frozenset({Outcome.PASSED, Outcome.XPASSED})
_MESSAGE_CHARACTERS = 2000
_LOOKED_AT = 20
"""How many tests that turned good by themselves are run again; one that holds is enough."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one run said of a failing test: whether that is a failure, a pass, or (both False) neither; and in words."""

    fails: bool
    passes: bool
    text: str
    start: bool = True
    """Whether the run got as far as the test."""


class Reproduce:
    """Runs the failing tests `repeats` times on each tree, each time in fresh sandboxes."""

    name = "reproduce"

    def __init__(self, measure: Measure) -> None:
        self._measure = measure

    def judge(self, case: Case) -> RungResult:
        """Pass when each failing test fails on the base and passes on the tree in every repetition."""
        if not case.failing:
            return self._without_failing(case)
        if not self._starts(case):
            why = self._measure.report(case.change.base, case.failing).why
            return RungResult(self.name, Status.SKIP, f"The failing tests start on neither tree: {_clause(why)}.")
        judged = [self._judge_one(case, test) for test in case.failing]
        evidence = tuple(fact for _, fact in judged)
        wrong = [why for why, _ in judged if why]
        if wrong:
            return RungResult(self.name, Status.FAIL, f"{wrong[0]}.", evidence)
        tests = (
            f"The failing test {case.failing[0]} fails" if len(judged) == 1 else f"All {len(judged)} failing tests fail"
        )
        passes = "passes" if len(judged) == 1 else "pass"
        why = f"{tests} on the base and {passes} with the change, {_times(case.repeats)}{self._uncollected(case)}."
        return RungResult(self.name, Status.PASS, why, evidence)

    def _starts(self, case: Case) -> bool:
        trees = (case.change.base, case.change.tree)
        return any(self._measure.report(tree, case.failing).ran is not Ran.NOT_STARTED for tree in trees)

    def _judge_one(self, case: Case, test: str) -> tuple[str, Evidence]:
        """Return what is wrong with a failing test's runs ("" for nothing), and the evidence."""
        touched = lies_in(test, case.suite, case.change.paths())
        before = [said_before(self._base(case, nth), test, touched) for nth in range(case.repeats)]
        fact = _fact(test, self._base(case, 0), before[0].text)
        if not all(said.fails for said in before):
            failed = sum(said.fails for said in before)
            odd = next(said for said in before if not said.fails)
            times = f" in {len(before) - failed} of {len(before)} runs" if failed else ""
            return f"{test} does not show the bug: on the base it {odd.text}{times}", fact
        after = [said_after(self._tree(case, nth), test) for nth in range(case.repeats)]
        if not all(said.passes for said in after):
            passed = sum(said.passes for said in after)
            odd = next(said for said in after if not said.passes)
            times = f" in {len(after) - passed} of {len(after)} runs" if passed else ""
            return f"{test} {odd.text} with the change{times}", fact
        return "", fact

    def _base(self, case: Case, nth: int) -> SuiteReport:
        return self._measure.report(case.change.base, case.failing, nth)

    def _tree(self, case: Case, nth: int) -> SuiteReport:
        return self._measure.report(case.change.tree, case.failing, nth)

    def _uncollected(self, case: Case) -> str:
        return _unreached(self._base(case, 0), case.failing)

    def _without_failing(self, case: Case) -> RungResult:
        turned = self._turned_good(case)
        steady = [test for test in turned[:_LOOKED_AT] if self._steady(case, test, turned[:_LOOKED_AT])]
        if not steady:
            return self._with_brought(case)
        before = self._measure.report(case.change.base)
        evidence = tuple(_fact(test, before, "failed") for test in steady)
        shown = steady[0] if len(steady) == 1 else f"{steady[0]} and {len(steady) - 1} more"
        why = f"The ticket names no failing test; {shown} failed on the base and passed with the change, {_times(case.repeats)}."
        return RungResult(self.name, Status.PASS, why, evidence)

    def _with_brought(self, case: Case) -> RungResult:
        """Judge by the tests that the change brings: on the base with their files put in, and with the change."""
        why = "The ticket names no failing test, and no test that failed on the base passes with the change"
        tests = brought(self._measure, case)
        if tests is None:
            return RungResult(self.name, Status.SKIP, f"{why}.")
        looked_at = tests.tests[:_LOOKED_AT]
        shown = self._shown(case, tests, looked_at)
        rest = tuple(test for test in looked_at if test not in shown)
        aside = (Evidence("test", "added by the change; without the rest of it not every run fails", tests=rest),)
        if not shown:
            none = "the test that it adds does not fail" if len(rest) == 1 else f"none of the {len(rest)} it adds fails"
            return RungResult(self.name, Status.SKIP, f"{why}; {none} without the rest of it.", aside)
        report = self._measure.report(tests.tree, looked_at)
        facts = tuple(
            _came(_fact(test, report, said_before(report, test).text), tests.origin(case, test)) for test in shown
        )
        named = shown[0] if len(shown) == 1 else f"{shown[0]} and {len(shown) - 1} more"
        why = f"The ticket names no failing test; of those that the change adds {named} failed on the base and passed with the change"
        why += f", {_times(case.repeats)}{_unreached(report, shown)}."
        return RungResult(self.name, Status.PASS, why, (*facts, *(aside if rest else ())))

    def _shown(self, case: Case, tests: Brought, ids: Sequence[str]) -> tuple[str, ...]:
        """Return the tests that fail without the rest of the change and pass with it, every time."""
        shown = tuple(ids)
        for nth in range(case.repeats):
            before = self._measure.report(tests.tree, ids, nth)
            shown = tuple(test for test in shown if said_before(before, test).fails)
            if shown:
                after = self._measure.report(case.change.tree, ids, nth)
                shown = tuple(test for test in shown if said_after(after, test).passes)
        return shown

    def _turned_good(self, case: Case) -> list[str]:
        before = self._measure.report(case.change.base)
        after = self._measure.report(case.change.tree).by_id()
        return [test for test in before.bad() if test in after and after[test].outcome in _PASSING]

    def _steady(self, case: Case, test: str, ids: Sequence[str]) -> bool:
        for nth in range(case.repeats):
            before = self._measure.report(case.change.base, ids, nth).by_id().get(test)
            after = self._measure.report(case.change.tree, ids, nth).by_id().get(test)
            if before is None or after is None or not before.outcome.bad or after.outcome not in _PASSING:
                return False
        return True


def said_before(report: SuiteReport, test: str, touched: RepoPath | None = None) -> Said:
    """Return what a run on the base said of a failing test; `touched` is its file where the change touches that."""
    found = selected(report, test)
    if any(result.outcome in _FAILING for result in found):
        return Said(True, False, "failed")
    error = collection_error(report, test)
    if error is not None or report.ran is Ran.NOT_STARTED:
        if touched is not None:
            # It may be there only with the change: then its failure on the base says nothing.
            return Said(False, False, f"cannot be collected, and the change touches {touched}")
        message = error.message if error is not None else report.why
        return Said(True, False, f"was not collected: {_clause(message)}", start=False)
    if report.ran in (Ran.TIMED_OUT, Ran.CRASHED) and any(below(name, test) for name in report.collected):
        return Said(True, False, f"did not end: {report.ran}, {_clause(report.why)}")
    return Said(False, False, _neither(found) if found else "does not exist")


def said_after(report: SuiteReport, test: str) -> Said:
    """Return what a run with the change said of a failing test."""
    found = selected(report, test)
    bad = next((result for result in found if result.outcome.bad), None) or collection_error(report, test)
    if bad is not None:
        return Said(True, False, f"{'fails' if bad.outcome is Outcome.FAILED else 'errors'} ({_clause(bad.message)})")
    if report.ran is not Ran.COMPLETED:
        return Said(False, False, f"did not run to its end ({report.ran}: {_clause(report.why)})")
    if any(result.outcome in _PASSING for result in found):
        return Said(False, True, "passes")
    return Said(False, False, _neither(found) if found else "is gone")


def _neither(found: Sequence[TestResult]) -> str:
    return "passes" if any(result.outcome in _PASSING for result in found) else f"is {found[0].outcome}"


def _fact(test: str, base: SuiteReport, text: str) -> Evidence:
    """Attach what a failing test said on the base to the innermost line inside the repository."""
    failed = next((result for result in selected(base, test) if result.outcome in _FAILING), None)
    if failed is None:
        return Evidence("test", f"on the base it {text}", tests=(test,))
    frame = next((frame for frame in reversed(failed.frames) if not frame.path.startswith("/")), None)
    message = failed.message[-_MESSAGE_CHARACTERS:] or text
    if frame is None:
        return Evidence("test", message, tests=(test,))
    return Evidence("test", message, frame.path, frame.line, (test,))


def _came(fact: Evidence, path: RepoPath) -> Evidence:
    return replace(fact, text=f"added by the change in {path}; without the rest of it: {fact.text}")


def _unreached(report: SuiteReport, tests: Sequence[str]) -> str:
    """Return what to say where a test failed on the base because its file could not be collected there."""
    odd = next((test for test in tests if not said_before(report, test).start), None)
    return f"; on the base {odd} could not even be reached ({said_before(report, odd).text})" if odd else ""


def _clause(text: str) -> str:
    """Return the line of a message that says most, short, without its full stop."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # Where pytest cannot import a test module, its message is a whole report: the error is marked with an E, at its end.
    marked = [line[1:].strip() for line in lines if line.startswith("E  ")]
    return (marked[-1:] or lines[:1] or ["no reason given"])[0][:200].rstrip(".")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times each"
