"""Suites from what people type: `--test CMD`, and the test command of a configuration with its directory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from orchestrator.errors import OrderRefused
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
