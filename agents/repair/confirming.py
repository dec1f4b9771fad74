"""Confirming: what is written in a workspace, tested for real. What a trial said may not hold in a fresh process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agents.agent import Workspace
from agents.repair.diagnosis import Diagnosis, expand
from verifier import Ran, SuiteReport, Trials


def holds(workspace: Workspace, trials: Trials, diagnosis: Diagnosis) -> bool:
    """Run the tests for real: the whole suite once, or the failing ones alone where trials have run all others."""
    if diagnosis.whole:
        return _all_pass(workspace.test(diagnosis.failing), diagnosis.failing)
    report = workspace.test()
    collected = set(diagnosis.failing) <= set(report.by_id())
    # A test can be named that the suite by itself does not collect.
    named = report if collected else workspace.test(diagnosis.failing)
    return _all_pass(named, diagnosis.failing) and not _breaks(report, trials, diagnosis)


def _breaks(report: SuiteReport, trials: Trials, diagnosis: Diagnosis) -> bool:
    """Say whether a run of the whole suite shows a failure that is not there without the change."""
    bad, known = report.bad(), set(diagnosis.guards)
    unknown = [test for test in bad if test not in known]
    before = trials.baseline(unknown).bad() if unknown else ()
    return report.ran is not Ran.COMPLETED or bool(set(bad) - set(before))


def _all_pass(report: SuiteReport, ids: Sequence[str]) -> bool:
    results: Mapping[str, object] = report.by_id()
    asked = expand(ids, report.collected)
    ran = report.ran is Ran.COMPLETED and all(test in results for test in asked)
    return ran and not set(report.bad()) & set(asked)
