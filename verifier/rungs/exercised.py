"""The rung `exercised`: each line that a change put there is run by a test that passes.

Only for changes that are to keep what the code does (a migration by examples): no test goes from failing to passing then, so what
speaks for such a change is that the tests which pass run all of it. One that some test does not run may be right, but nothing says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shadowfs import RepoPath
from verifier.errors import OutOfTime, VerifierError
from verifier.forkserver import ForkServers
from verifier.measure import Measure
from verifier.suite import Outcome, Ran
from verifier.touched import statements
from verifier.trials import TrialsFactory
from verifier.verdict import EXERCISED, Case, Evidence, RungResult, Status

_SHOWN = 50


class Exercised:
    """Traces the tests that pass with the change, in a sandbox of its own."""

    name = EXERCISED

    def __init__(self, measure: Measure, factory: TrialsFactory = ForkServers()) -> None:
        self._measure = measure
        self._factory = factory

    def judge(self, case: Case) -> RungResult:
        """Pass when each changed statement is run by a passing test; skip where one is not, or where nobody can tell."""
        strange = [path for path in case.change.paths() if not path.endswith(".py")]
        if case.suite.kind == "command" or strange:
            what = f"of {strange[0]}" if strange else "of this suite"
            return RungResult(self.name, Status.SKIP, f"It cannot be told which lines {what} the tests run.")
        report = self._measure.report(case.change.tree)
        passing = [test.id for test in report.tests if test.outcome is Outcome.PASSED]
        if report.ran is not Ran.COMPLETED or not passing:
            return RungResult(self.name, Status.SKIP, "No test passes that could run what was changed.")
        try:
            covered = self._covered(case, passing)
        except OutOfTime:
            raise
        except VerifierError as error:
            return RungResult(self.name, Status.SKIP, f"The tests could not be traced: {error}.")
        try:
            return self._result(case, covered)
        except (SyntaxError, ValueError) as error:
            # Of a newer Python than this process's.
            return RungResult(self.name, Status.SKIP, f"It cannot be told which lines are statements: {error}.")

    def _covered(self, case: Case, passing: Sequence[str]) -> Mapping[RepoPath, frozenset[int]]:
        """Return the lines that passing tests run, of each file."""
        with case.open(case.change.tree) as sandbox:
            limits = self._measure.allowed()
            with self._factory.start(sandbox, case.suite, limits, limits.wall_s) as trials:
                by_test = trials.coverage(passing, (), min(case.left_s(), limits.wall_s or case.left_s())).lines
        covered: dict[RepoPath, frozenset[int]] = {}
        for lines in by_test.values():
            for path, numbers in lines.items():
                covered[path] = covered.get(path, frozenset()) | numbers
        return covered

    def _result(self, case: Case, covered: Mapping[RepoPath, frozenset[int]]) -> RungResult:
        count, missed = 0, []
        for path in case.change.paths():
            run = covered.get(path, frozenset())
            for statement in statements(case.change.before(path) or b"", case.change.after(path) or b""):
                count += 1
                if not (run & statement.lines or (statement.at_import and run)):
                    missed.append((path, statement.line))
        if not missed:
            return RungResult(self.name, Status.PASS, f"Tests that pass run all {count} statements that changed.")
        evidence = tuple(Evidence("exercise", "no passing test runs this", *place) for place in missed[:_SHOWN])
        first = ", ".join(f"{path}:{line}" for path, line in missed[:3])
        more = ", …" if len(missed) > 3 else ""
        why = f"No passing test runs {len(missed)} of {count} statements that changed ({first}{more})."
        return RungResult(self.name, Status.SKIP, why, evidence)
