"""Defaults: a value for when there is none."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.operators.priors import repair
from agents.repair.site import Rewrite, Site

_EMPTY = {"[]": 0.6, '""': 0.7, "0": 0.6, "{}": 0.4, "()": 0.4, "None": 0.2, "1": 0.3}


@repair(
    "default value",
    ast.Name,
    ast.Attribute,
    ast.Call,
    ast.Subscript,
    examples=(
        ("for x in y:\n    pass\n", "for x in y or []:\n    pass\n"),
        ("x = f(a)\n", 'x = f(a) or ""\n'),
        ("def f(a, b):\n    return a\n", "def f(a, b):\n    return a or b\n"),
        ("x = a.b\n", 'x = getattr(a, "b", None)\n'),
        ("def f(a, b):\n    return g(a)\n", "def f(a, b):\n    return g(a if a is not None else b)\n"),
    ),
)
def default(site: Site, node: ast.expr) -> Iterator[Rewrite]:
    """Use a default when a value is missing or false."""
    parent = site.parent(node)
    if (isinstance(parent, ast.Call) and parent.func is node) or not isinstance(
        getattr(node, "ctx", None) or ast.Load(), ast.Load
    ):
        return
    if isinstance(node, ast.Attribute):
        yield site.replace(node, f'getattr({site.text(node.value)}, "{node.attr}", None)', 0.5)
    if not isinstance(
        parent,
        ast.Return | ast.Assign | ast.Call | ast.For | ast.keyword | ast.comprehension | ast.Compare | ast.Attribute,
    ):
        return
    iterated = isinstance(parent, ast.For | ast.comprehension)
    text = site.text(node)
    for other, near in _EMPTY.items():
        yield site.replace(node, f"{text} or {other}", near * (1.2 if iterated and other == "[]" else 0.7))
    names = [name for name in site.scope.names if name not in (text, "self", "cls")] if site.function else []
    for name in names[:6]:
        yield site.replace(node, f"{text} or {name}", 0.4)
        yield site.replace(node, f"{text} if {text} is not None else {name}", 0.3)


@repair(
    "lookup with a default",
    ast.Subscript,
    ast.Call,
    examples=(
        ("x = d[k]\n", "x = d.get(k)\n"),
        ("x = d[k]\n", 'x = d.get(k, "")\n'),
        ("x = d.get(k)\n", "x = d[k]\n"),
        ("x = d.get(k, 1)\n", "x = d.get(k)\n"),
        ("x = d.get(k)\n", "x = d.get(k, k)\n"),
    ),
)
def lookup(site: Site, node: ast.Subscript | ast.Call) -> Iterator[Rewrite]:
    """Look a key up with a default, without one, or with another one."""
    if isinstance(node, ast.Subscript):
        if isinstance(node.ctx, ast.Load) and not isinstance(node.slice, ast.Slice | ast.Tuple | ast.UnaryOp):
            end = site.source.span(node.value)[1]
            key = site.text(node.slice)
            for other, near in {
                "": 0.8,
                ", 0": 0.6,
                ', ""': 0.5,
                ", []": 0.5,
                f", {key}": 0.5,
                ", {}": 0.3,
                ", False": 0.2,
            }.items():
                yield site.splice(end, site.source.span(node)[1], f".get({key}{other})", near)
        return
    if not (isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args):
        return
    base, key = site.text(node.func.value), site.text(node.args[0])
    yield site.replace(node, f"{base}[{key}]", 0.5)
    if len(node.args) == 2:
        yield site.splice(site.source.span(node.args[0])[1], site.source.span(node.args[1])[1], "", 0.5)
    else:
        end = site.source.span(node.args[0])[1]
        yield site.splice(end, end, f", {key}", 0.5)


TABLE = (default, lookup)
