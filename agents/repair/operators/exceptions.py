"""Exceptions and types: a wider or another `except`, `raise` or `isinstance`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.index import callee
from agents.repair.operators.priors import repair
from agents.repair.site import Rewrite, Site

_USUAL = (
    "ValueError",
    "TypeError",
    "KeyError",
    "AttributeError",
    "IndexError",
    "OSError",
    "LookupError",
    "StopIteration",
    "ImportError",
    "UnicodeError",
    "ZeroDivisionError",
    "OverflowError",
    "RuntimeError",
    "NotImplementedError",
    "Exception",
)
_TYPES = ("str", "int", "list", "tuple", "dict", "float", "bytes", "set", "bool", "type(None)")


@repair(
    "wider except",
    ast.ExceptHandler,
    examples=(
        ("try:\n    f()\nexcept KeyError:\n    pass\n", "try:\n    f()\nexcept (KeyError, TypeError):\n    pass\n"),
        ("try:\n    f()\nexcept (A, B):\n    pass\n", "try:\n    f()\nexcept (A, B, ValueError):\n    pass\n"),
        ("try:\n    f()\nexcept KeyError:\n    pass\n", "try:\n    f()\nexcept IndexError:\n    pass\n"),
    ),
)
def wider_except(site: Site, node: ast.ExceptHandler) -> Iterator[Rewrite]:
    """Catch a further exception, or another one."""
    if node.type is None:
        return
    own = {each.id for each in ast.walk(node.type) if isinstance(each, ast.Name)}
    for other in dict.fromkeys((*site.index.exceptions, *_USUAL)):
        if other in own:
            continue
        yield _added(site, node.type, other, 0.9)
        if not isinstance(node.type, ast.Tuple):
            yield site.splice(*site.source.span(node.type), other, 0.5)


def _added(site: Site, node: ast.expr, other: str, near: float) -> Rewrite:
    if isinstance(node, ast.Tuple) and node.elts:
        end = site.source.span(node.elts[-1])[1]
        return site.splice(end, end, f", {other}", near)
    return site.splice(*site.source.span(node), f"({site.text(node)}, {other})", near)


@repair(
    "wider isinstance",
    ast.Call,
    examples=(
        ("x = isinstance(y, list)\n", "x = isinstance(y, (list, tuple))\n"),
        ("x = isinstance(y, list)\n", "x = isinstance(y, str)\n"),
        ("x = y.startswith('a')\nz = 'b'\n", "x = y.startswith(('a', 'b'))\nz = 'b'\n"),
    ),
)
def wider_isinstance(site: Site, node: ast.Call) -> Iterator[Rewrite]:
    """Accept a further type or prefix, or another type."""
    name = callee(node)
    if name in ("startswith", "endswith") and node.args:
        for other in list(site.index.strings)[:20]:
            if 0 < len(other) <= 12:
                yield _added(site, node.args[0], repr(other), 0.2)
    if name not in ("isinstance", "issubclass") or len(node.args) != 2:
        return
    kind = node.args[1]
    own = {each.id for each in ast.walk(kind) if isinstance(each, ast.Name)}
    for other in (*_TYPES, *site.index.classes):
        if other not in own:
            yield _added(site, kind, other, 0.9)
            if isinstance(kind, ast.Name):
                yield site.splice(*site.source.span(kind), other, 0.5)


@repair(
    "another exception raised",
    ast.Raise,
    examples=(
        ("raise KeyError(x)\n", "raise ValueError(x)\n"),
        ("raise KeyError\n", "raise IndexError\n"),
    ),
)
def another_exception(site: Site, node: ast.Raise) -> Iterator[Rewrite]:
    """Raise an exception of another type."""
    kind = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    if kind is None:
        return
    for other in dict.fromkeys((*site.index.exceptions, *_USUAL)):
        if other != site.text(kind):
            yield site.splice(*site.source.span(kind), other, 0.8)


TABLE = (wider_except, wider_isinstance, another_exception)
