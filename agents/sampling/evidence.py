"""Evidence: the source of the failing tests themselves, short enough to be shown with every question; by their ids, or by where their output says that they are."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterator, Sequence

from agents.agent import Workspace
from agents.sampling.output import named
from agents.sampling.place import functions, split
from shadowfs import RepoPath
from verifier import Suite, is_test, lies_in

_MOST_TESTS = 3
_MOST_LINES = 40
_CUT = "    # … the rest is left out"
_FILE_BYTES = 256 << 10
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


def around(output: str, cwd: str, workspace: Workspace) -> tuple[str, ...]:
    """Return the source of the first tests in whose files output names lines, each cut at 40 lines."""
    shown: dict[tuple[RepoPath, int], str] = {}
    for path, line in named(output, workspace, cwd):
        data = workspace.read(path) if is_test(path) else b""
        lines = split(data.decode("utf-8", "replace")) if len(data) <= _FILE_BYTES else []
        if len(shown) == _MOST_TESTS or not 1 <= line <= len(lines):
            continue
        within = [span[:2] for span in functions(path, data) if span[0] <= line <= span[1]]
        first, last = within[-1] if within else _block(lines, line)
        shown.setdefault(
            (path, first), f"# {path}\n{''.join(lines[first - 1 : min(last, first + _MOST_LINES)])}".rstrip()
        )
    return tuple(shown.values())


def _block(lines: Sequence[str], line: int) -> tuple[int, int]:
    """Return the lines that hold one, from the next above that is indented less to where it ends; tests of JavaScript are calls, no definitions."""
    depths = {at: len(text) - len(text.lstrip()) for at, text in enumerate(lines, 1) if text.strip()}
    own = depths.get(line, 0)
    first = next((at for at in range(line, 0, -1) if depths.get(at, own) < own), line)
    behind = next((at for at in range(line + 1, len(lines) + 1) if depths.get(at, own + 1) <= depths.get(first, 0)), 0)
    closes = bool(behind) and lines[behind - 1].lstrip().startswith(("}", ")", "]"))
    return first, (behind if closes else behind - 1) if behind else len(lines)


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
