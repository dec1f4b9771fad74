"""Measuring: runs of a case's suite on fresh sandboxes, each made once. It holds what was measured, never a conclusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sandbox import Command, Completed, Ended, Limits
from verifier.errors import OutOfTime, ProtocolBroken
from verifier.observation import Observed, Observer, Watch
from verifier.suite import Ran, Runner, Suite, SuiteReport
from verifier.verdict import Case

_PATIENCE = 10.0
_LEAST_PATIENCE_S = 5.0


class Measure:
    """Runs the suite of one case; the rungs of one ladder share it, so that no run is made twice.

    With the change's tree the tests take as long as they take; elsewhere a test is interrupted that takes ten times as long as
    the longest there, and more than a few seconds: else a bug that never ends would use up all time there is.

    A run gets the case's limits, cut to the time that is left for the case. One that ended at that cut, and not at a limit
    of its own, says nothing of the change: it raises `OutOfTime`, as does a run for which no time is left.
    """

    def __init__(self, runner: Runner, case: Case) -> None:
        self._runner = runner
        self._case = case
        self._reports: dict[tuple[str, tuple[str, ...] | None, int], SuiteReport] = {}

    def report(self, tree: str, ids: Sequence[str] | None = None, nth: int = 0) -> SuiteReport:
        """Return the `nth` run of the suite, or of the tests `ids`, on `tree`: each in a sandbox of its own."""
        key = (tree, None if ids is None else tuple(ids), nth)
        if key not in self._reports:
            self._reports[key] = self._run(tree, ids)
        return self._reports[key]

    def whole(self, tree: str) -> SuiteReport | None:
        """Return a run of the whole suite that was made on `tree`: one that came to its end, if there is one; None where none was made."""
        made = [report for (at, ids, _), report in self._reports.items() if at == tree and ids is None]
        return next((report for report in made if report.ran is Ran.COMPLETED), made[0] if made else None)

    def observed(self, observer: Observer, tree: str, ids: Sequence[str], watch: Watch, wall_s: float) -> Observed:
        """Watch tests on `tree`, for `wall_s` at most. Nothing is judged by it, so there is no `OutOfTime`."""
        after = self.whole(self._case.change.tree)
        longest_s = max((test.seconds for test in after.tests), default=0.0) if after else 0.0
        suite = replace(self._case.suite, each_s=max(_LEAST_PATIENCE_S, _PATIENCE * longest_s))
        with self._case.open(tree) as sandbox:
            limits = self._case.limits
            wall_s = wall_s if limits.wall_s is None else min(wall_s, limits.wall_s)
            return observer.observe(sandbox, suite, ids, watch, replace(limits, wall_s=wall_s))

    def command(self, tree: str, command: Command) -> Completed:
        """Run a command on `tree`, in a sandbox of its own."""
        with self._case.open(tree) as sandbox:
            limits = self.allowed()
            completed = sandbox.run(command, limits)
        self._expect_whole(completed.ended is Ended.TIMED_OUT, limits)
        return completed

    def _run(self, tree: str, ids: Sequence[str] | None) -> SuiteReport:
        suite = self._case.suite if tree == self._case.change.tree else self._impatient(ids)
        report = self._once(tree, suite, ids)
        # Once may be the machine's doing; twice is its own.
        return self._once(tree, suite, ids) if report.killed else report

    def _once(self, tree: str, suite: Suite, ids: Sequence[str] | None) -> SuiteReport:
        with self._case.open(tree) as sandbox:
            limits = self.allowed()
            try:
                report = self._runner.run(sandbox, suite, ids, limits)
            except ProtocolBroken as error:
                # What runs in there is the judged code: its nonsense on the channel is its failure, not ours.
                return SuiteReport(Ran.CRASHED, why=f"the test process broke the protocol: {error}")
        self._expect_whole(report.ran is Ran.TIMED_OUT, limits)
        return report

    def _impatient(self, ids: Sequence[str] | None) -> Suite:
        """Return the suite as it runs where tests may never end."""
        with_change = self.report(self._case.change.tree, ids)
        if with_change.ran is not Ran.COMPLETED:
            return self._case.suite
        longest_s = max((test.seconds for test in with_change.tests), default=0.0)
        return replace(self._case.suite, each_s=max(_LEAST_PATIENCE_S, _PATIENCE * longest_s))

    def allowed(self) -> Limits:
        """Return the limits of a run that starts now."""
        limits, left_s = self._case.limits, self._case.left_s()
        if left_s <= 0:
            raise OutOfTime("no time is left to judge the change; give the case more")
        cut = left_s < (float("inf") if limits.wall_s is None else limits.wall_s)
        return replace(limits, wall_s=left_s) if cut else limits

    def _expect_whole(self, timed_out: bool, limits: Limits) -> None:
        if timed_out and limits != self._case.limits:
            raise OutOfTime(f"a run was ended after {limits.wall_s:g} s, when the time to judge the change was over")
