"""What is too much: an operand, an element, a statement, a branch of a conditional expression."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.operators.arguments import dropped_parts
from agents.repair.operators.priors import repair
from agents.repair.site import Rewrite, Site


@repair(
    "operand dropped",
    ast.BinOp,
    ast.IfExp,
    examples=(
        ("x = a + b\n", "x = a\n"),
        ("x = (a - 1) * b\n", "x = b\n"),
        ("x = a if c else b\n", "x = a\n"),
        ("x = (a + b) * 2\n", "x = (a + b)\n"),
    ),
)
def dropped_operand(site: Site, node: ast.BinOp | ast.IfExp) -> Iterator[Rewrite]:
    """Keep only one side of an operation or of a conditional expression."""
    start, end = site.source.span(node)
    if isinstance(node, ast.BinOp):
        yield site.splice(site.outer(node.left)[1], end, "")
        yield site.splice(start, site.outer(node.right)[0], "")
    else:
        yield site.replace(node, site.text(node.body), 0.4, "drops a condition")
        yield site.replace(node, site.text(node.orelse), 0.4, "drops a condition")


@repair(
    "element dropped",
    ast.Tuple,
    ast.List,
    ast.Set,
    examples=(("x = [a, b]\n", "x = [a]\n"), ("x = (a, b, c)\n", "x = (b, c)\n")),
)
def dropped_element(site: Site, node: ast.Tuple | ast.List | ast.Set) -> Iterator[Rewrite]:
    """Drop an element of a written-out collection."""
    if 2 <= len(node.elts) <= 8:
        yield from dropped_parts(site, node.elts, 1.0)


@repair(
    "index dropped",
    ast.Subscript,
    ast.Attribute,
    examples=(("x = a[0]\n", "x = a\n"), ("x = a.b\n", "x = a\n"), ("x = a.b.c\n", "x = a.b\n")),
)
def dropped_index(site: Site, node: ast.Subscript | ast.Attribute) -> Iterator[Rewrite]:
    """Use a value itself instead of one of its items or attributes."""
    parent = site.parent(node)
    if isinstance(node.ctx, ast.Load) and not (isinstance(parent, ast.Call) and parent.func is node):
        near = 0.8 if isinstance(node, ast.Subscript) else 0.3
        yield site.splice(site.outer(node.value)[1], site.source.span(node)[1], "", near)


@repair(
    "index added",
    ast.Name,
    ast.Attribute,
    ast.Call,
    examples=(("def f(a):\n    return a\n", "def f(a):\n    return a[0]\n"), ("x = f(a)\n", "x = f(a)[1]\n")),
)
def added_index(site: Site, node: ast.expr) -> Iterator[Rewrite]:
    """Use an item of a value instead of the value."""
    parent = site.parent(node)
    whole = isinstance(parent, ast.Return | ast.Assign | ast.Compare) or (
        isinstance(parent, ast.Call) and node is not parent.func
    )
    if whole and isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Load):
        end = site.source.span(node)[1]
        for index, near in (("0", 1.0), ("-1", 0.6), ("1", 0.6)):
            yield site.splice(end, end, f"[{index}]", near)


@repair(
    "statement dropped",
    ast.Expr,
    ast.Assign,
    ast.AugAssign,
    ast.Raise,
    ast.Return,
    ast.Delete,
    ast.Break,
    ast.Continue,
    examples=(("f(x)\n", "pass\n"), ("def f():\n    x = 1\n    return x\n", "def f():\n    x = 1\n    pass\n")),
)
def dropped_statement(site: Site, node: ast.stmt) -> Iterator[Rewrite]:
    """Replace a statement by `pass`."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        yield site.splice(*site.source.span(node), "pass", 1.0, "drops a statement")


@repair(
    "condition made constant",
    ast.If,
    ast.While,
    examples=(("if x:\n    y()\n", "if True:\n    y()\n"), ("while x:\n    y()\n", "while True:\n    y()\n")),
)
def constant_condition(site: Site, node: ast.If | ast.While) -> Iterator[Rewrite]:
    """Take a branch always or never."""
    for text in ("True", "False"):
        yield site.splice(*site.source.span(node.test), text, 1.0, "makes a condition constant")


TABLE = (dropped_operand, dropped_element, dropped_index, added_index, dropped_statement, constant_condition)
