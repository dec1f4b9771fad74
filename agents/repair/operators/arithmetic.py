"""Arithmetic: another operator, a sign, an operand too few."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agents.repair.operators.priors import repair
from agents.repair.site import Rewrite, Site

_SIGN = re.compile(rb"\*\*|//|<<|>>|[-+*/%@&|^]")
_OTHERS: dict[type[ast.operator], dict[str, float]] = {
    ast.Add: {"-": 1.0, "*": 0.4, "|": 0.1, "%": 0.1},
    ast.Sub: {"+": 1.0, "/": 0.2, "*": 0.2, "//": 0.1},
    ast.Mult: {"/": 0.6, "+": 0.6, "**": 0.6, "//": 0.4, "-": 0.2},
    ast.Div: {"//": 1.0, "*": 0.7, "%": 0.3, "-": 0.2},
    ast.FloorDiv: {"/": 0.9, "%": 0.7, "*": 0.4, "-": 0.1},
    ast.Mod: {"//": 0.7, "/": 0.4, "*": 0.3},
    ast.Pow: {"*": 0.9},
    ast.LShift: {">>": 0.9, "*": 0.2},
    ast.RShift: {"<<": 0.9, "//": 0.2},
    ast.BitAnd: {"|": 1.0, "^": 0.5},
    ast.BitOr: {"&": 1.0, "^": 0.5},
    ast.BitXor: {"|": 0.7, "&": 0.7, "**": 0.3},
}


@repair(
    "arithmetic operator",
    ast.BinOp,
    ast.AugAssign,
    examples=(
        ("x = a+b\n", "x = a-b\n"),
        ("x = (a) / (b)\n", "x = (a) // (b)\n"),
        ("n ^= n - 1\n", "n &= n - 1\n"),
        ("n += 1\n", "n -= 1\n"),
        ("n += 1\n", "n = 1\n"),
    ),
)
def arithmetic(site: Site, node: ast.BinOp | ast.AugAssign) -> Iterator[Rewrite]:
    """Replace an arithmetic or bit operator."""
    left, right = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
    start = site.source.span(left)[1]
    found = _SIGN.search(site.source.gap(start, site.source.span(right)[0]))
    if found is None:
        return
    for other, closeness in _OTHERS.get(type(node.op), {}).items():
        yield site.splice(start + found.start(), start + found.end(), other, closeness)
    if isinstance(node, ast.AugAssign):
        yield site.splice(start + found.start(), start + found.end(), "", 0.4)


@repair(
    "sign",
    ast.UnaryOp,
    ast.Name,
    ast.Attribute,
    ast.Call,
    examples=(("x = -y\n", "x = y\n"), ("return_value = y\n", "return_value = -y\n"), ("x = f(y)\n", "x = f(-y)\n")),
)
def sign(site: Site, node: ast.expr) -> Iterator[Rewrite]:
    """Drop or add a minus."""
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.USub | ast.UAdd | ast.Invert):
            yield site.splice(site.source.span(node)[0], site.outer(node.operand)[0], "", 1.0)
        return
    parent = site.parent(node)
    plain = isinstance(parent, ast.Return | ast.Assign) or (isinstance(parent, ast.Call) and node is not parent.func)
    if plain and isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Load):
        yield site.replace(node, f"-{site.text(node)}", 0.5)


@repair(
    "missing operand",
    ast.Return,
    ast.Assign,
    ast.AugAssign,
    examples=(
        ("def f(a, b):\n    return a\n", "def f(a, b):\n    return a + b\n"),
        ("x = 1\ny = z\n", "x = 1\ny = z + x\n"),
    ),
)
def missing_operand(site: Site, node: ast.Return | ast.Assign | ast.AugAssign) -> Iterator[Rewrite]:
    """Add a name in scope as a further operand."""
    if node.value is None or isinstance(node.value, ast.Tuple | ast.Lambda | ast.IfExp | ast.Compare | ast.BoolOp):
        return
    text, used = site.outer_text(node.value), {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    fresh = [(name, near) for name, near in site.names().items() if name not in used and not name.startswith("__")]
    for name, near in sorted(fresh, key=lambda each: -each[1])[:8]:
        if name in site.index.functions or name in site.index.classes or name in site.index.imports:
            continue
        for sign_text, closeness in (("+", 1.0), ("-", 0.6), ("*", 0.4)):
            yield site.replace(node.value, f"{text} {sign_text} {name}", near * closeness)


@repair(
    "missing term",
    ast.Name,
    ast.Attribute,
    ast.Call,
    ast.Subscript,
    ast.BinOp,
    ast.ListComp,
    ast.List,
    examples=(
        ("def f(a, k, n):\n    return f(a, k)\n", "def f(a, k, n):\n    return f(a, k - n)\n"),
        ("def f(a, i, n):\n    return a[i]\n", "def f(a, i, n):\n    return a[i + n]\n"),
        ("def f(a, b):\n    x = g(a)\n    return b\n", "def f(a, b):\n    x = g(a)\n    return x + b\n"),
        ("def f(a):\n    return [2 * x for x in a]\n", "def f(a):\n    return a + [2 * x for x in a]\n"),
    ),
)
def missing_term(site: Site, node: ast.expr) -> Iterator[Rewrite]:
    """Add a local name to an argument or an index, take it away, or put it before what is returned or assigned."""
    parent = site.parent(node)
    if not isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Load) or site.function is None:
        return
    inside = isinstance(parent, ast.Slice) or (isinstance(parent, ast.Call) and node is not parent.func)
    inside = inside or (isinstance(parent, ast.Subscript) and node is parent.slice)
    if not inside and not isinstance(parent, ast.Return | ast.Assign):
        return
    joined = isinstance(node, ast.List | ast.ListComp)
    # A list may well be joined with one that it was made from.
    used = set() if joined else {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    names = [name for name in site.scope.names if name not in used and name not in ("self", "cls", "_")]
    # What was bound last is closest to what is being worked out.
    for distance, name in enumerate(reversed(names[-6:])):
        near = 1.0 / (1 + distance)
        if inside:
            yield site.replace(node, f"{site.outer_text(node)} - {name}", near)
            yield site.replace(node, f"{site.outer_text(node)} + {name}", 0.7 * near)
        else:
            yield site.replace(node, f"{name} + {site.outer_text(node)}", near)
            if joined:
                yield site.replace(node, f"{site.text(node)} + {name}", near)


TABLE = (arithmetic, sign, missing_operand, missing_term)
