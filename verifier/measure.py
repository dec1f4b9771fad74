"""Measuring: runs of a case's suite on fresh sandboxes, each made once. It holds what was measured, never a conclusion."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.errors import ProtocolBroken
from verifier.suite import Ran, Runner, SuiteReport
from verifier.verdict import Case


class Measure:
    """Runs the suite of one case; the rungs of one ladder share it, so that no run is made twice."""

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

    def _run(self, tree: str, ids: Sequence[str] | None) -> SuiteReport:
        with self._case.open(tree) as sandbox:
            try:
                return self._runner.run(sandbox, self._case.suite, ids, self._case.limits)
            except ProtocolBroken as error:
                # What runs in there is the judged code: its nonsense on the channel is its failure, not ours.
                return SuiteReport(Ran.CRASHED, why=f"the test process broke the protocol: {error}")
