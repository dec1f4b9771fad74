"""Evidence: the source of the failing tests themselves, short enough to be shown with every question."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterator, Sequence

from shadowfs import RepoPath
from verifier import Suite, lies_in

_MOST_TESTS = 3
_MOST_LINES = 40
_CUT = "    # … the rest is left out"
_DECORATION = 6
"""A test with more lines of decorators (its cases, mostly) is shown without them; its id names the case."""
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def sources(
    failing: Sequence[str], suite: Suite, paths: Sequence[RepoPath], read: Callable[[RepoPath], bytes]
) -> tuple[str, ...]:
    """Return the source of each of the first failing tests, cut at 40 lines; a test that is not found is left out."""
    shown: dict[str, None] = {}
    for test in failing:
        path = lies_in(test, suite, paths)
        found = None if path is None else _source(read(path).decode("utf-8", "replace"), _names(test))
        if found is not None:
            shown[f"# {path}\n{found}"] = None
        if len(shown) == _MOST_TESTS:
            break
    return tuple(shown)


def _names(test: str) -> tuple[str, ...]:
    """Return the names of a test's class, if it has one, and of its function."""
    plain = test.partition("[")[0]
    parts = plain.split("::")[1:] if "::" in plain else plain.split(".")[-2:]
    return tuple(parts[-2:])


def _source(text: str, names: Sequence[str]) -> str | None:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found = next(_below(tree, names), None) or next(_below(tree, names[-1:]), None)
    if found is None:
        return None
    first = min([found.lineno, *(each.lineno for each in found.decorator_list)])
    if found.lineno - first > _DECORATION:
        first = found.lineno
    kept = text.splitlines()[first - 1 : found.end_lineno]
    return textwrap.dedent("\n".join(kept if len(kept) <= _MOST_LINES else [*kept[:_MOST_LINES], _CUT]))


def _below(tree: ast.AST, names: Sequence[str]) -> Iterator[_Definition]:
    if not names:
        return
    for node in ast.walk(tree):
        if isinstance(node, _Definition) and node.name == names[0]:
            if len(names) == 1:
                yield node
            else:
                yield from _below(node, names[1:])
