"""Test ids: what lies below an id, and in which file a test lies. Ids are pytest's (`path::name[case]`) or dotted ones."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable

from shadowfs import RepoPath
from verifier.suite import Suite, SuiteReport, TestResult


def below(test: str, selector: str) -> bool:
    """Say whether `selector` (the id of a test, a function with cases, a class, a file, a folder, or `.`) selects `test`."""
    if selector == "." or test == selector or test.startswith((f"{selector}::", f"{selector}[", f"{selector}/")):
        return True
    dotted = "::" not in test and "/" not in test
    return dotted and test.startswith(f"{selector}.")


def selected(report: SuiteReport, selector: str) -> tuple[TestResult, ...]:
    """Return the results of the tests that `selector` selects."""
    return tuple(test for test in report.tests if below(test.id, selector))


def collection_error(report: SuiteReport, test: str) -> TestResult | None:
    """Return the result that says why the file (or class) of `test` could not be collected, None where it could."""
    return next(
        (found for found in report.tests if found.outcome.bad and test != found.id and below(test, found.id)), None
    )


def lies_in(test: str, suite: Suite, paths: Iterable[RepoPath]) -> RepoPath | None:
    """Return the path among `paths` (files or folders) in which a test lies, None where it lies in none."""
    if suite.kind == "unittest":
        return next((path for path in paths if any(below(test, module) for module in _modules(path))), None)
    file = test.partition("::")[0]
    names = {file, posixpath.normpath(posixpath.join(suite.cwd, file))}
    return next((path for path in paths if any(name == path or name.startswith(f"{path}/") for name in names)), None)


def _modules(path: RepoPath) -> Iterable[str]:
    # Discovery may start in any folder above the file, so a module may be known by any tail of its path.
    parts = path.removesuffix(".py").split("/")
    return (".".join(parts[start:]) for start in range(len(parts)))


def covers(paths: Collection[RepoPath], path: RepoPath) -> bool:
    """Say whether `path` is one of `paths` or lies in a folder that is."""
    return any(path == known or path.startswith(f"{known.rstrip('/')}/") for known in paths)
