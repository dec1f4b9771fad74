"""Tests that a change brings itself: which they are, and the tree that shows what they say without the rest of the change.

They are tried on the base with their files put in: a test that passes there too says nothing of the change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shadowfs import Entry, FileChange, RepoPath
from verifier.measure import Measure
from verifier.rungs.comparison import PASSING, collected
from verifier.selection import lies_in
from verifier.verdict import Case

_FILE_MODES = frozenset({0o100644, 0o100755})


@dataclass(frozen=True, slots=True)
class Brought:
    """Tests that exist with the change only and pass there; `tree` is the base with `files`, in which they lie, put in."""

    tests: tuple[str, ...]
    files: tuple[RepoPath, ...]
    tree: str

    def origin(self, case: Case, test: str) -> str:
        """Return the file of the change that a test came with."""
        return lies_in(test, case.suite, self.files) or ", ".join(self.files[:3])


def brought(measure: Measure, case: Case) -> Brought | None:
    """Return the tests that the change brings; None where it brings none, or where its own tests are no evidence."""
    if case.with_files is None:
        return None
    files = _files(case)
    tests = _tests(measure, case, files) if files else ()
    return Brought(tests, tuple(files), case.with_files(files)) if tests else None


def _files(case: Case) -> dict[RepoPath, Entry]:
    """Return the files of tests that are new, or in which nothing that was there is weakened."""
    # Its parsers cost much of an import that every command of nightcrew would pay for.
    from verifier.tampering import is_test, tampering

    files = [file for file in case.change.files if _is_file(file) and is_test(file.path)]
    weakened: set[RepoPath] = set()
    if files:
        findings = tampering(case.change, case.suite, case.allowed)
        weakened = {finding.path for finding in findings if finding.weakens}
    return {file.path: file.after for file in files if file.after is not None and file.path not in weakened}


def _is_file(file: FileChange) -> bool:
    return file.after is not None and file.after.mode in _FILE_MODES


def _tests(measure: Measure, case: Case, files: dict[RepoPath, Entry]) -> tuple[str, ...]:
    known = collected(measure.report(case.change.base))
    return tuple(test for test in _passing(measure, case) if _is_new(case, test, files, known))


def _passing(measure: Measure, case: Case) -> Iterator[str]:
    return (test.id for test in measure.report(case.change.tree).tests if test.outcome in PASSING)


def _is_new(case: Case, test: str, files: dict[RepoPath, Entry], known: set[str]) -> bool:
    # A suite that is one command is as old as the base; what is new is what it runs.
    return case.suite.kind == "command" or (test not in known and lies_in(test, case.suite, files) is not None)
