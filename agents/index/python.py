"""The outline of a Python file, by `ast`: functions, methods and classes, with their decorators."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator

from agents.index.outline import Definition

_DEEPEST = 20


def outline(text: str) -> tuple[Definition, ...] | None:
    """Return what a file defines, None where this Python cannot parse it."""
    try:
        with warnings.catch_warnings():
            # What the file's own text is warned of is nobody's business here.
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tuple(_definitions(tree.body, _DEEPEST))


def _definitions(body: Iterable[ast.stmt], depth: int) -> Iterator[Definition]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            yield Definition(node.name, first, node.end_lineno or first, _inner(node.body, depth))
        elif isinstance(node, (ast.If, ast.Try, ast.With, ast.For, ast.While)) and depth:
            for block in ("body", "orelse", "finalbody"):
                yield from _definitions(getattr(node, block, ()), depth - 1)
            for handler in getattr(node, "handlers", ()):
                yield from _definitions(handler.body, depth - 1)


def _inner(body: Iterable[ast.stmt], depth: int) -> tuple[Definition, ...]:
    return tuple(_definitions(body, depth - 1)) if depth else ()
