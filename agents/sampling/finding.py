"""Finding: what fails, and where the bug may be: by coverage where failing tests can be traced, else by what their output and the ticket name and the code index finds."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from agents.agent import NoFix, Task, Workspace
from agents.index import is_code
from agents.repair.diagnosis import Diagnosis, diagnose
from agents.repair.localise import mentioned
from agents.sampling.evidence import around
from agents.sampling.output import named, telling
from agents.sampling.place import functions, split
from shadowfs import RepoPath
from verifier import Outcome, Ran, SuiteReport, Trials, is_test

_FILES = 6
"""So many files the code index is asked for."""
_FILE_BYTES = 256 << 10
_TEXT = 20_000
_INDEXED = 0.6
"""The suspicion of what the index finds, at most; what the output of tests names has more."""
_LATER = 0.9
"""Of the suspicion of one finding the next one has so much."""
_NAMED, _OUTSIDE = 1.3, 0.6
"""How much more suspicious a line is in a function that is spoken of, and how much less in none, where a file has some."""
_GUARDS = 200
_COMMENTS = ("//", "/*", "* ", "#")
_LINE_CHARACTERS = 2_000
_TESTED = re.compile(r"#\[\s*(?:cfg\(\s*)?(?:\w+::)?test|@Test\b")
_TEST_NAME = re.compile(r"test_|tests$")


def traced(task: Task, diagnosis: Diagnosis) -> bool:
    """Say whether the places of a diagnosis come from coverage: of a suite that is run test by test, and of tests that fail."""
    return task.suite.kind != "command" and bool(diagnosis.failing)


def diagnosed(task: Task, workspace: Workspace, trials: Trials) -> Diagnosis | NoFix:
    """Find what fails and which lines are suspicious; an honest end where nothing runs, or nothing names a place."""
    command = task.suite.kind == "command"
    if task.failing and not command:
        return diagnose(task, workspace, trials, task.failing)
    report = trials.baseline() if command else workspace.test()
    if report.ran in (Ran.NOT_STARTED, Ran.NOTHING_COLLECTED) or not report.tests:
        reason = report.why or report.output.strip()[-500:] or "no reason given"
        return NoFix(f"The suite says nothing ({report.ran}): {reason}.", "Make the test command run, then ask again.")
    failing = task.failing or report.bad()
    if not set(failing) <= set(report.bad()):
        return NoFix(
            f"Of the tests that should fail not all do: {', '.join(failing[:5])}.",
            "A suite that is one command has one test, whose id is the command: name that, or none.",
        )
    if failing and not command:
        return diagnose(task, workspace, trials, failing)
    return _by_names(task, workspace, trials, report)


def _by_names(task: Task, workspace: Workspace, trials: Trials, report: SuiteReport) -> Diagnosis | NoFix:
    results = [test for test in report.tests if test.outcome.bad]
    failing = tuple(test.id for test in results)
    guards = _guards(task, trials, report)
    guarding = [test.id for test in guards.tests if test.outcome in (Outcome.PASSED, Outcome.XFAILED)]
    if not failing and not guarding:
        return NoFix("No test fails and none passes, so nothing could judge an edit.", "A suite with tests in it.")
    told = tuple(telling(test.output or test.message or report.output) for test in results)
    scores = _scores(task, workspace, told)
    if not scores:
        return NoFix(
            "Neither the ticket's words nor the output of tests lead to a place in the code.",
            "A ticket that names a function, a file or a traceback, or a test that fails.",
        )
    seconds, guard_seconds = (sum(test.seconds for test in each) for each in (results, guards.tests))
    return Diagnosis(failing, told, tuple(guarding), bool(failing), scores, seconds, guard_seconds)


def _guards(task: Task, trials: Trials, report: SuiteReport) -> SuiteReport:
    """Return what tests that pass say once more where candidates are tried: a sample of them."""
    good = [test.id for test in report.tests if not test.outcome.bad]
    random.Random(task.seed).shuffle(good)
    return trials.baseline(good[:_GUARDS]) if good else SuiteReport(Ran.NOTHING_COLLECTED)


def _scores(task: Task, workspace: Workspace, told: Sequence[str]) -> tuple[tuple[RepoPath, int, float], ...]:
    """Return path, line and suspicion of the lines that are named and found, the most suspicious first."""
    tests = around("\n".join(told), task.suite.cwd, workspace)
    said = [task.text[:_TEXT], *told]
    files = _Files(frozenset(workspace.paths()), workspace.read, workspace.protects, mentioned([*said, *tests]))
    found: dict[tuple[RepoPath, int], float] = {}
    at = 1.0
    for path, line in named("\n".join(said), workspace, task.suite.cwd):
        if line in files.lines(path):
            found.setdefault((path, line), 0.7 + 0.3 * at)
            at *= _LATER
    at = _INDEXED
    for hit in workspace.locate("\n".join([*said, *tests]), _FILES):
        for line, share in files.lines(hit.path).items():
            if hit.first <= line <= hit.last:
                found.setdefault((hit.path, line), at * share)
        at *= _LATER
    ranked = sorted(found, key=lambda each: (-found[each], each))
    return tuple((path, line, round(found[path, line], 4)) for path, line in ranked)


@dataclass(slots=True)
class _Files:
    """The lines of files that an edit may change, each with how much of what is spoken of it holds (about 0.7 to 1.3)."""

    paths: frozenset[RepoPath]
    read: Callable[[RepoPath], bytes]
    protects: Callable[[RepoPath], bool]
    words: frozenset[str]
    known: dict[RepoPath, dict[int, float]] = field(default_factory=dict)

    def lines(self, path: RepoPath) -> dict[int, float]:
        """Return them by number: lines of code, not of tests, of a text that a prompt can hold."""
        if path not in self.known:
            self.known[path] = self._lines(path)
        return self.known[path]

    def _lines(self, path: RepoPath) -> dict[int, float]:
        if path not in self.paths or not is_code(path) or is_test(path) or self.protects(path):
            return {}
        data = self.read(path)
        try:
            shown = split(data.decode("utf-8")) if len(data) <= _FILE_BYTES else []
        except UnicodeDecodeError:
            return {}
        return dict(self._weighed(shown, functions(path, data)))

    def _weighed(
        self, shown: Sequence[str], definitions: Sequence[tuple[int, int, str]]
    ) -> Iterator[tuple[int, float]]:
        heads = {first for first, _, _ in definitions}
        tests = [(first, last) for first, last, name in definitions if _is_tested(shown, first, name)]
        for number, line in enumerate(shown, 1):
            tested = any(first <= number <= last for first, last in tests)
            if number not in heads and not tested and _is_code(line):
                within = [name for first, last, name in definitions if first <= number <= last]
                own = mentioned([line])
                share = 0.7 + 0.3 * len(own & self.words) / (len(own) + 1)
                outside = _OUTSIDE if definitions and not within else 1.0
                yield number, share * (_NAMED if within and within[-1] in self.words else outside)


def _is_code(line: str) -> bool:
    """Say whether a line holds code that may be wrong: something is named in it, and it is no comment."""
    return len(line) <= _LINE_CHARACTERS and bool(re.search(r"\w", line)) and not line.lstrip().startswith(_COMMENTS)


def _is_tested(shown: Sequence[str], first: int, name: str) -> bool:
    """Say whether a definition is a test among the code that it tests, as in Rust."""
    return bool(_TEST_NAME.match(name)) or any(_TESTED.search(line) for line in shown[max(0, first - 3) : first])
