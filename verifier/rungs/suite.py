"""The rung `suite`: the whole suite on both trees, test by test; no new failure, no test gone, none newly skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from verifier.measure import Measure
from verifier.rungs.comparison import Difference, Kind, differences
from verifier.rungs.flakes import Flake, tell_apart
from verifier.selection import covers, lies_in
from verifier.suite import Ran, SuiteReport
from verifier.verdict import Case, Evidence, RungResult, Status

_SHOWN = 50
_MESSAGE_CHARACTERS = 2000
_WORDS = {
    Kind.BROKEN: ("test fails with the change", "tests fail with the change"),
    Kind.SILENCED: (
        "test that passed is not run to a pass any more",
        "tests that passed are not run to a pass any more",
    ),
    Kind.GONE: ("test is gone", "tests are gone"),
}


class SuiteHolds:
    """Compares whole runs by test id; tests that differ are run again on both trees, to tell flaky ones apart."""

    name = "suite"

    def __init__(self, measure: Measure) -> None:
        self._measure = measure

    def judge(self, case: Case) -> RungResult:
        """Fail for a new failure; skip when the base gives nothing to compare with."""
        before, after = self._measure.report(case.change.base), self._after(case)
        if after.ran is not Ran.COMPLETED:
            return self._incomplete(before, after)
        nothing_before = before.ran is not Ran.COMPLETED and not before.tests
        if nothing_before and after.bad():
            why = f"On the base the suite gives nothing to compare with ({_said(before)}), and {_count(after.bad())} with the change."
            return RungResult(
                self.name, Status.SKIP, why, tuple(_failures(after, after.bad(), "fails with the change"))
            )
        found = differences(before, after, _spared(case))
        real, flakes = tell_apart(self._measure, case, found, before)
        evidence = (*_facts(real, after), *_asides(case, before, after, flakes))
        if real:
            return RungResult(self.name, Status.FAIL, _why_not(real), evidence)
        return RungResult(self.name, Status.PASS, _why(before, after, flakes), evidence)

    def _after(self, case: Case) -> SuiteReport:
        report = self._measure.report(case.change.tree)
        ended_early = report.ran in (Ran.TIMED_OUT, Ran.CRASHED) and not report.killed
        if ended_early and self._measure.report(case.change.base).ran is Ran.COMPLETED:
            # Once may be the machine's doing; twice is the change's. One that was killed was made twice.
            return self._measure.report(case.change.tree, nth=1)
        return report

    def _incomplete(self, before: SuiteReport, after: SuiteReport) -> RungResult:
        if before.ran is after.ran or before.ran is Ran.NOT_STARTED:
            why = f"The suite runs to its end on neither tree: on the base {_said(before)}; with the change {_said(after)}."
            return RungResult(self.name, Status.SKIP, why, _outputs(before, after))
        why = (
            f"With the change the suite does not run to its end ({_said(after)}); on the base it did ({_said(before)})."
        )
        if before.ran is not Ran.COMPLETED:
            why = f"With the change: {_said(after)}; on the base: {_said(before)}. Neither run is whole."
        return RungResult(self.name, Status.FAIL, why, _outputs(before, after))


def _spared(case: Case) -> Callable[[str], bool]:
    """Return what says of a test whether it may be gone: it lies in a file whose change the ticket asked for."""
    asked = [path for path in case.change.paths() if covers(case.allowed, path)]
    return lambda test: lies_in(test, case.suite, asked) is not None


def _said(report: SuiteReport) -> str:
    lines = [line.strip() for line in (report.why or report.output).splitlines() if line.strip()]
    return f"{report.ran}: {lines[-1][:200].rstrip('.')}" if lines else str(report.ran)


def _count(tests: Sequence[str]) -> str:
    return f"{tests[0]} fails" if len(tests) == 1 else f"{len(tests)} tests fail"


def _outputs(before: SuiteReport, after: SuiteReport) -> tuple[Evidence, ...]:
    sides = (("on the base", before), ("with the change", after))
    return tuple(
        Evidence("suite", f"{side}: {report.output[-_MESSAGE_CHARACTERS:]}") for side, report in sides if report.output
    )


def _why_not(real: Sequence[Difference]) -> str:
    parts = []
    for kind, (one, many) in _WORDS.items():
        tests = [found.test for found in real if found.kind is kind]
        if tests:
            parts.append(
                f"{len(tests)} {one if len(tests) == 1 else many} ({tests[0]}{', …' if len(tests) > 1 else ''})"
            )
    return "; ".join(parts) + "."


def _why(before: SuiteReport, after: SuiteReport, flakes: Sequence[Flake]) -> str:
    bad = after.bad()
    sentence = (
        f"No new failure, and no test gone: {len(after.tests)} tests ran, {len(after.tests) - len(bad)} without failing"
    )
    if bad:
        sentence += f"; {len(bad)} failed before too or are flaky"
    if before.ran is not Ran.COMPLETED:
        sentence += f"; on the base the suite did not run to its end ({_said(before)})"
    if flakes:
        sentence += f"; {len(flakes)} told apart by running again"
    return sentence + "."


def _facts(real: Sequence[Difference], after: SuiteReport) -> Iterable[Evidence]:
    for found in real[:_SHOWN]:
        text = f"{found.before} on the base, {found.after} with the change"
        yield from _failures(after, [found.test], text)
    if len(real) > _SHOWN:
        rest = tuple(found.test for found in real[_SHOWN:])
        yield Evidence("test", f"{len(rest)} more", tests=rest)


def _failures(report: SuiteReport, tests: Sequence[str], text: str) -> Iterable[Evidence]:
    results = report.by_id()
    for test in tests[:_SHOWN]:
        result = results.get(test)
        frames = () if result is None else result.frames
        frame = next((frame for frame in reversed(frames) if not frame.path.startswith("/")), None)
        message = "" if result is None else result.message[-_MESSAGE_CHARACTERS:]
        path, line = (None, None) if frame is None else (frame.path, frame.line)
        yield Evidence("test", f"{text}: {message}" if message else text, path, line, (test,))


def _asides(case: Case, before: SuiteReport, after: SuiteReport, flakes: Sequence[Flake]) -> Iterable[Evidence]:
    for flake in flakes:
        yield Evidence("flaky", flake.why, tests=(flake.test,))
    flaky = {flake.test for flake in flakes}
    both = tuple(test for test in after.bad() if test not in flaky and test not in case.failing)
    if both:
        yield Evidence("test", "failed on the base too; not counted", tests=both)
    added = tuple(test.id for test in after.tests if test.id not in before.by_id() and test.id not in before.collected)
    if added:
        yield Evidence("test", f"{len(added)} added", tests=added)
