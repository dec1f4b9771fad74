"""Suites from what people type: `--test CMD`, and the test command of a configuration with its directory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from orchestrator.errors import OrderRefused
from shadowfs import RepoPath
from verifier import Suite, parse_test_command


def read_suite(command: str, python: str | None = None, cwd: str = ".") -> Suite:
    """Return the suite that `command` names when typed in the directory `cwd` of the repository.

    `python` is the project's interpreter, used where the command names none by path. Raises `OrderRefused`.
    """
    try:
        suite = parse_test_command(command, python)
    except ValueError as error:
        raise OrderRefused(str(error)) from error
    return replace(suite, cwd=str(PurePosixPath(cwd) / suite.cwd))


def including(suite: Suite, tests: Iterable[RepoPath], repository: Path) -> Suite:
    """Return the suite with the test files `tests` in it, where it names what to run in the repository and leaves them out."""
    directory = repository / suite.cwd
    named = [directory / word.partition("::")[0] for word in suite.args if not word.startswith("-")]
    places = [place for place in named if place.exists()]
    left_out = [test for test in tests if not any((repository / test).is_relative_to(place) for place in places)]
    if suite.kind != "pytest" or not places or not left_out:
        return suite
    return replace(suite, args=(*suite.args, *(os.path.relpath(repository / test, directory) for test in left_out)))
