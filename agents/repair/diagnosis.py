"""What is wrong, before any candidate: the tests that fail, those that must go on passing, and the suspicious lines."""

from __future__ import annotations

import posixpath
import random
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from agents.agent import NoFix, Task, Workspace
from agents.repair.localise import combine, mentioned, ochiai, traced
from shadowfs import RepoPath
from verifier import Coverage, Outcome, Ran, SuiteReport, TestResult, Trials

MOST_GUARDS = 400
_MOST_LINES = 1_500
_PATIENCE_S = 3.0
_MESSAGE_CHARACTERS = 400
_TEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_tests?|conftest|tests?)\.py$")
_TEST_FOLDER = re.compile(r"(^|/)(tests?|testing)/")
_NEEDS = "Name a failing test with --failing ID, or add one with --add-test FILE."


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the tests say of the code as it is.

    `guards` are passing tests that must stay so; `whole` says whether they are all there are. `scores` gives path,
    line and suspicion. `seconds` is what all failing tests took, `guard_seconds` all guards.
    """

    failing: tuple[str, ...]
    messages: tuple[str, ...]
    guards: tuple[str, ...]
    whole: bool
    scores: tuple[tuple[RepoPath, int, float], ...]
    seconds: float
    guard_seconds: float

    def data(self) -> dict[str, object]:
        """Return it as JSON values, for the journal."""
        return asdict(self)

    def lines(self) -> dict[tuple[RepoPath, int], float]:
        """Return the suspicion of each line."""
        return {(path, line): score for path, line, score in self.scores}


def wanted(task: Task, workspace: Workspace) -> tuple[str, ...] | NoFix:
    """Return the tests to repair for: the task's, else those that fail already, else an honest end."""
    if task.failing:
        return task.failing
    report = workspace.test()
    if report.ran in (Ran.NOT_STARTED, Ran.NOTHING_COLLECTED):
        return _silent(report)
    if not report.bad():
        return NoFix(f"No test fails: all {len(report.tests)} that ran pass, so nothing shows the bug.", _NEEDS)
    return report.bad()


def _silent(report: SuiteReport) -> NoFix:
    """Return the honest end where no test said anything."""
    reason = report.why or report.output.strip()[-500:] or "no reason given"
    return NoFix(f"The suite says nothing ({report.ran}): {reason}.", "Make the test command run, then ask again.")


def diagnose(task: Task, workspace: Workspace, trials: Trials, ids: Sequence[str]) -> Diagnosis | NoFix:
    """Run the failing tests and a sample of the others as they are, and trace them."""
    targets = expand(ids, trials.collected)
    report = trials.baseline(targets, _PATIENCE_S)
    bad = tuple(test for test in report.tests if test.outcome.bad)
    if not report.tests and report.ran not in (Ran.COMPLETED, Ran.NOTHING_COLLECTED):
        return _silent(report)
    if not report.tests:
        return NoFix(
            f"None of the tests {', '.join(ids)} is in the suite.",
            "Check the ids: `--failing` takes pytest or unittest ids.",
        )
    if not bad:
        return NoFix(f"The tests that should fail pass already: {', '.join(targets[:5])}.", _NEEDS)
    failing = tuple(test.id for test in bad)
    guards, everything = _guards(task, workspace, trials, failing)
    passing = [test.id for test in guards]
    coverage = trials.coverage(failing, passing, max(2.0, min(60.0, workspace.remaining_s() * 0.1)), _PATIENCE_S)
    scores = _scores(workspace, coverage, bad)
    if not scores:
        return NoFix(
            "No line of the repository could be connected with the failing tests.",
            "A test that runs the wrong code itself.",
        )
    ranked = sorted(
        ((path, line, round(score, 4)) for (path, line), score in scores.items()), key=lambda each: (-each[2], each[:2])
    )
    return Diagnosis(
        failing,
        tuple(test.message[:_MESSAGE_CHARACTERS] for test in bad[:5]),
        tuple(passing),
        everything,
        tuple(ranked[:_MOST_LINES]),
        # A test that was interrupted says nothing of how long it takes where the code is right.
        sum(test.seconds for test in bad if test.seconds < _PATIENCE_S),
        sum(test.seconds for test in guards),
    )


def expand(ids: Sequence[str], collected: Sequence[str]) -> tuple[str, ...]:
    """Return the collected tests that ids (of tests, classes, files) select; an id that selects none stays as it is."""
    found: dict[str, None] = {}
    for each in ids:
        below = [
            test
            for test in collected
            if test == each or test.startswith((f"{each}::", f"{each}[", f"{each}.", f"{each}/"))
        ]
        found |= dict.fromkeys(below or (each,))
    return tuple(found)


def _guards(task: Task, workspace: Workspace, trials: Trials, failing: Sequence[str]) -> tuple[list[TestResult], bool]:
    """Return passing tests, those in the files of the failing ones first, and whether all that there are were run."""
    others = [test for test in trials.collected if test not in set(failing)]
    random.Random(task.seed).shuffle(others)
    files = {test.partition("::")[0].rpartition(".")[0] or test.partition("::")[0] for test in failing}
    others.sort(key=lambda test: not any(test.startswith(file) for file in files))
    chosen, spent, found = others[:MOST_GUARDS], 0.0, list[TestResult]()
    budget_s = workspace.remaining_s() * 0.1
    for start in range(0, len(chosen), 50):
        report: SuiteReport = trials.baseline(chosen[start : start + 50])
        found += [test for test in report.tests if test.outcome in (Outcome.PASSED, Outcome.XFAILED)]
        spent += report.seconds
        if spent > budget_s:
            return found, False
    return found, len(chosen) == len(others)


def is_test(path: RepoPath) -> bool:
    """Say whether a path looks like a test module or lies in a folder of tests."""
    return bool(_TEST_FILE.search(path) or _TEST_FOLDER.search(path))


def _scores(workspace: Workspace, coverage: Coverage, bad: Sequence[TestResult]) -> dict[tuple[RepoPath, int], float]:
    frames = traced(bad)
    executed = ochiai(coverage, [test.id for test in bad])
    if not executed:
        # Nothing was traced (the suite does not import): all lines of the files in the tracebacks count a little.
        for path in {path for path, _ in frames}:
            count = workspace.read(path).count(b"\n") if path in set(workspace.paths()) else 0
            executed |= {(path, line): 0.2 for line in range(1, count + 2)}
    scores = combine(executed, frames)
    allowed = {path for path in workspace.paths() if path.endswith(".py") and not workspace.protects(path)}
    own = {spot: score for spot, score in scores.items() if spot[0] in allowed}
    code = {spot: score for spot, score in own.items() if not is_test(spot[0])}
    # Code under test may live in a folder of tests; a test module itself is never repaired.
    return code or {spot: score for spot, score in own.items() if not _TEST_FILE.search(spot[0])}


def words(task: Task, diagnosis: Diagnosis) -> frozenset[str]:
    """Return the identifiers that the ticket and the failing tests name."""
    ids = [posixpath.basename(test) for test in diagnosis.failing]
    return mentioned([task.text, *ids, *diagnosis.messages])
