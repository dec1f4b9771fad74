"""The rung `exercised`: each line that a change put there is run by a test that passes.

Only for changes that are to keep what the code does (a migration by examples): no test goes from failing to passing then, so what
speaks for such a change is that the tests which pass run all of it. One that some test does not run may be right, but nothing says so.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from shadowfs import RepoPath
from verifier.errors import OutOfTime, VerifierError
from verifier.forkserver import ForkServers
from verifier.measure import Measure
from verifier.suite import Outcome, Ran
from verifier.trials import TrialsFactory
from verifier.verdict import EXERCISED, Case, Evidence, RungResult, Status

_SHOWN = 50
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that a change touched: its first changed line, all its own lines, and whether it runs when its module is imported."""

    line: int
    lines: frozenset[int]
    at_import: bool


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
        return self._result(case, covered)

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
            for statement in touched(case.change.before(path) or b"", case.change.after(path) or b""):
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


def touched(before: bytes, after: bytes) -> Iterator[Statement]:
    """Yield the statements of a Python file that a change put there, altered, or took a line out of."""
    old, new = before.splitlines(), after.splitlines()
    lines: set[int] = set()
    for tag, _, _, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            # Where lines went, the one that stands there now may be of the same statement.
            lines |= set(range(first + 1, max(last, first + 1) + 1))
    seen: set[frozenset[int]] = set()
    for line in sorted(lines):
        found = _innermost(ast.parse(after).body, line, at_import=True)
        if found is not None and found.lines not in seen:
            seen.add(found.lines)
            yield found


def _innermost(body: Sequence[ast.AST], line: int, *, at_import: bool) -> Statement | None:
    for node in body:
        first, last = _range(node)
        if not first <= line <= last:
            continue
        below = [child for child in ast.iter_child_nodes(node) if isinstance(child, _HOLDERS)]
        starts = [_range(child)[0] for child in below if not isinstance(child, ast.expr)]
        inside = at_import and not isinstance(node, _FUNCTIONS)
        if starts and line >= min(starts):
            return _innermost(below, line, at_import=inside)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return None
        own = frozenset(range(first, (min(starts) if starts else last + 1)))
        return Statement(line, own, at_import)
    return None


_HOLDERS = (ast.stmt, ast.ExceptHandler, ast.match_case)


def _range(node: ast.AST) -> tuple[int, int]:
    if isinstance(node, ast.match_case):
        return node.pattern.lineno, _range(node.body[-1])[1]
    decorators = getattr(node, "decorator_list", [])
    first = min([getattr(node, "lineno", 0), *(each.lineno for each in decorators)])
    return first, getattr(node, "end_lineno", 0) or 0
