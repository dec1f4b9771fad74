"""What a change touched of a Python file: statements and functions, found from the text of both sides."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Indel

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_HOLDERS = (ast.stmt, ast.ExceptHandler, ast.match_case)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that a change touched: its first changed line, all its own lines, and whether it runs when its module is imported."""

    line: int
    lines: frozenset[int]
    at_import: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a function stands on one side: its first line (that of its first decorator) and its last."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class TouchedFunction:
    """A function whose lines a change touched, and where it is on each side, None where it is not; `line` is the first touched one, with the change."""

    name: str
    line: int
    before: Place | None
    after: Place | None


def statements(before: bytes, after: bytes) -> Iterator[Statement]:
    """Yield the statements that a change put there, altered, or took a line out of. Raises `SyntaxError` or `ValueError` for what does not parse."""
    body = ast.parse(after).body
    seen: set[frozenset[int]] = set()
    for line in sorted(_lines(before, after)):
        found = _innermost(body, line, at_import=True)
        if found is not None and found.lines not in seen:
            seen.add(found.lines)
            yield found


def functions(before: bytes, after: bytes) -> Iterator[TouchedFunction]:
    """Yield the innermost functions in which a change touched lines, on either side. Raises as `statements` does."""
    old, new = (dict(_functions(ast.parse(side).body, "")) for side in (before, after))
    gone, come = _lines(after, before), _lines(before, after)
    names = dict.fromkeys((*_around(new, come), *_around(old, gone)))
    for name in names:
        place = new.get(name)
        within = [] if place is None else [line for line in come if place.first <= line <= place.last]
        line = min(within, default=1 if place is None else place.first)
        yield TouchedFunction(name, line, old.get(name), place)


def _lines(before: bytes, after: bytes) -> set[int]:
    """Return the lines of `after` that are not in `before`; where lines only went, the one that stands there now."""
    lines: set[int] = set()
    was, at = 0, 0
    for block in Indel.opcodes(before.splitlines(), after.splitlines()).as_matching_blocks():
        if (block.a, block.b) != (was, at):
            # Where lines went, the one that stands there now may be of the same statement.
            lines |= set(range(at + 1, max(block.b, at + 1) + 1))
        was, at = block.a + block.size, block.b + block.size
    return lines


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


def _range(node: ast.AST) -> tuple[int, int]:
    if isinstance(node, ast.match_case):
        return node.pattern.lineno, _range(node.body[-1])[1]
    decorators = getattr(node, "decorator_list", [])
    first = min([getattr(node, "lineno", 0), *(each.lineno for each in decorators)])
    return first, getattr(node, "end_lineno", 0) or 0


def _functions(body: Sequence[ast.AST], prefix: str) -> Iterator[tuple[str, Place]]:
    for node in body:
        inside = prefix
        if isinstance(node, _FUNCTIONS):
            yield f"{prefix}{node.name}", Place(*_range(node))
            inside = f"{prefix}{node.name}.<locals>."
        elif isinstance(node, ast.ClassDef):
            inside = f"{prefix}{node.name}."
        yield from _functions([child for child in ast.iter_child_nodes(node) if isinstance(child, _HOLDERS)], inside)


def _around(known: dict[str, Place], lines: set[int]) -> Iterator[str]:
    for line in sorted(lines):
        around = [
            (place.last - place.first, name) for name, place in known.items() if place.first <= line <= place.last
        ]
        if around:
            yield min(around)[1]
