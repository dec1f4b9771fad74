"""What a person types to run the tests, understood as a suite."""

from __future__ import annotations

import re
import shlex

from verifier.suite import Suite

_SHELL = re.compile(r"[|&;<>()$`\\\n*?#~]")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_LEADING_CD = re.compile(r"\s*cd\s+([^&;|<>$`*?]+?)\s*&&\s*(.+)", re.DOTALL)
_PYTHON = re.compile(r"python(\d+(\.\d+)?)?$")
_PYTEST = ("pytest", "py.test")
# Programs that run another program in the project's environment, with what follows them.
_LAUNCHERS = (("uv", "run"), ("poetry", "run"), ("pdm", "run"), ("pipenv", "run"), ("hatch", "run"), ("rye", "run"))


def parse_test_command(command: str, python: str | None) -> Suite:
    """Return the suite that `command` runs; `python` is the project's interpreter, for suites run inside it.

    `pytest …`, `python -m pytest …` and `python -m unittest …` are run test by test, behind `uv run`, `VAR=value` or
    `cd DIR &&` too; any other command is one test. What needs a shell is run by `sh -c`. Raises `ValueError` when the
    command is empty or its quotes do not close.
    """
    place = _LEADING_CD.fullmatch(command)
    cwd = shlex.split(place.group(1)) if place else ["."]
    rest = place.group(2) if place and len(cwd) == 1 else command
    try:
        words = shlex.split(rest)
    except ValueError as error:
        raise ValueError(f"the test command {command!r} cannot be read: {error}; check its quotes") from None
    if not words:
        raise ValueError("the test command is empty; give one, such as `pytest`")
    environment, words = _assignments(words)
    bare = _without_launcher(words)
    kind, args = _kind(bare)
    directory = cwd[0] if len(cwd) == 1 else "."
    if _needs_shell(rest):
        return Suite("command", ("sh", "-c", command), python)
    if kind:
        return Suite(kind, args, _interpreter(bare[0], python), directory, environment)
    return Suite("command", tuple(words), python, directory, environment)


def _interpreter(program: str, python: str | None) -> str | None:
    """Return the interpreter that a command names by its path, else the project's, else whatever the command calls so."""
    names_python = _PYTHON.match(program.rsplit("/", 1)[-1]) is not None
    if names_python and ("/" in program or python is None):
        return program
    return python


def _assignments(words: list[str]) -> tuple[dict[str, str], list[str]]:
    environment: dict[str, str] = {}
    rest = words[1:] if words[0] == "env" else words
    while rest and _ASSIGNMENT.match(rest[0]):
        name, _, value = rest[0].partition("=")
        environment[name] = value
        rest = rest[1:]
    return (environment, rest) if rest else ({}, words)


def _without_launcher(words: list[str]) -> list[str]:
    for launcher in _LAUNCHERS:
        if tuple(words[: len(launcher)]) == launcher and len(words) > len(launcher):
            rest = words[len(launcher) :]
            # Options of the launcher change what is run: such a command is run as it is typed.
            return rest if not rest[0].startswith("-") else words
    return words


def _kind(words: list[str]) -> tuple[str, tuple[str, ...]]:
    program = words[0].rsplit("/", 1)[-1]
    if program in _PYTEST:
        return "pytest", tuple(words[1:])
    if _PYTHON.match(program) and len(words) > 2 and words[1] == "-m":
        if words[2] in _PYTEST:
            return "pytest", tuple(words[3:])
        if words[2] == "unittest":
            return "unittest", tuple(words[3:])
    return "", ()


def _needs_shell(text: str) -> bool:
    """Say whether a shell would find something to do in `text` outside of its quotes."""
    unquoted = re.sub(r"'[^']*'", "", text)
    bare = re.sub(r'"[^"$`\\]*"', "", unquoted)
    return _SHELL.search(bare) is not None
