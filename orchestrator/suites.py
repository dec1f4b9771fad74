"""Suites from what people type: `--test CMD` and the test command of a configuration become a `verifier.Suite`."""

from __future__ import annotations

import re
import shlex

from orchestrator.errors import OrderRefused
from verifier import Suite

_EXPANDED = re.compile(r"[$`*?~\[\{]")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_PYTHON = re.compile(r"(.*/)?python(3(\.\d+)?)?$")
_PYTEST = re.compile(r"(.*/)?(pytest|py\.test)$")


def read_suite(command: str, python: str | None = None, cwd: str = ".") -> Suite:
    """Return the suite that `command` names: pytest or unittest where it says so, else a command of which the exit status counts.

    `python` is the project's interpreter, used where the command names none by path. Raises `OrderRefused`.
    """
    try:
        words = shlex.split(command)
        operators = _has_operators(command)
    except ValueError as error:
        raise OrderRefused(f"test command {command!r} cannot be read ({error}): check its quotes") from error
    environment: dict[str, str] = {}
    while words and (match := _ASSIGNMENT.fullmatch(words[0])):
        environment[match[1]] = match[2]
        words.pop(0)
    if not words:
        raise OrderRefused(
            f"test command {command!r} is empty: name the program that runs the tests, as in 'pytest tests'"
        )
    kind, interpreter, args = _kind(words)
    if operators or (kind == "command" and _EXPANDED.search(command)):
        # What needs a shell gets one; assignments are then the shell's own business.
        return Suite(kind="command", args=("sh", "-c", command), python=python, cwd=cwd)
    return Suite(kind=kind, args=tuple(args), python=interpreter or python, cwd=cwd, environment=environment)


def _has_operators(command: str) -> bool:
    """Say whether a shell would see more than one simple command."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return "\n" in command.strip() or any(word and set(word) <= set("();<>|&") for word in lexer)


def _kind(words: list[str]) -> tuple[str, str | None, list[str]]:
    """Return the kind of suite, the interpreter where it is named by path, and the arguments that are left."""
    program = words[0]
    if _PYTEST.match(program):
        beside = program.rpartition("/")[0]
        return "pytest", f"{beside}/python" if beside else None, words[1:]
    if _PYTHON.match(program) and len(words) > 2 and words[1] == "-m" and words[2] in ("pytest", "unittest"):
        return words[2], program if "/" in program else None, words[3:]
    return "command", None, words
