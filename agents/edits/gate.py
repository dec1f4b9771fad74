"""The parse gate: a file that parsed before an edit must parse after it."""

from __future__ import annotations

import ast
import warnings

from agents.edits.edit import Unclear
from agents.edits.grammar import broken_at
from shadowfs import RepoPath

_PARSE_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError)
_AROUND = 3
_PYTHON = (".py", ".pyi")


def pass_gate(path: RepoPath, before: bytes, after: bytes) -> None:
    """Raise `Unclear`, quoting the lines around, when a file would no longer parse; a new file counts as one that parsed."""
    at = first_error(path, after)
    if at is not None and first_error(path, before) is None:
        lines = after.decode("utf-8", "replace").splitlines()
        first = max(at - 1 - _AROUND, 0)
        shown = "\n".join(
            f"{number}| {line[:200]}" for number, line in enumerate(lines[first : at + _AROUND], first + 1)
        )
        raise Unclear(f"{path} would no longer parse, from line {at} on. After the edit it would be:\n{shown}")


def first_error(path: RepoPath, data: bytes) -> int | None:
    """Return the line (from 1) from which a file does not parse; None where it does, or where nothing here can tell."""
    if not path.endswith(_PYTHON):
        return broken_at(path, data)
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(data)
    except _PARSE_ERRORS as error:
        return getattr(error, "lineno", None) or 1
    return None
