"""Calls around an expression: wrapped in one, freed of one, with a method call added or dropped."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.index import callee
from agents.repair.operators.priors import repair
from agents.repair.site import Rewrite, Site

_VALUE = {
    "list": 0.7,
    "str": 0.7,
    "int": 0.6,
    "len": 0.6,
    "tuple": 0.5,
    "set": 0.5,
    "sorted": 0.6,
    "abs": 0.5,
    "float": 0.4,
    "bool": 0.4,
    "dict": 0.3,
    "iter": 0.3,
    "repr": 0.3,
    "round": 0.3,
}
_ITERATED = {"list": 0.8, "reversed": 0.6, "sorted": 0.7, "enumerate": 0.6, "set": 0.4, "range": 0.4}
_METHODS = {
    "strip": 0.6,
    "lower": 0.7,
    "items": 0.5,
    "copy": 0.6,
    "upper": 0.4,
    "split": 0.4,
    "keys": 0.3,
    "values": 0.4,
    "rstrip": 0.4,
    "lstrip": 0.3,
    "encode": 0.3,
    "decode": 0.3,
}
_WRAPPED = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.BinOp, ast.GeneratorExp, ast.ListComp)


@repair(
    "wrapped in a call",
    *_WRAPPED,
    examples=(
        ("def f(x):\n    return x\n", "def f(x):\n    return list(x)\n"),
        ("g(a + b)\n", "g(str(a + b))\n"),
        ("for k in d:\n    pass\n", "for k in list(d):\n    pass\n"),
        ("x = a == b\n", "x = a == len(b)\n"),
        ("def norm(x):\n    return x\ny = z\n", "def norm(x):\n    return x\ny = norm(z)\n"),
    ),
)
def wrapped(site: Site, node: ast.expr) -> Iterator[Rewrite]:
    """Wrap an expression in a call of one argument."""
    parent = site.parent(node)
    if not _whole(node, parent):
        return
    iterated = isinstance(parent, ast.For | ast.comprehension)
    around = callee(node) if isinstance(node, ast.Call) else ""
    enclosing = callee(parent) if isinstance(parent, ast.Call) else ""
    text = site.text(node)
    if isinstance(node, ast.GeneratorExp) and text.startswith("("):
        text = text[1:-1]
    choices = _ITERATED if iterated else _VALUE | _own_functions(site)
    for name, near in choices.items():
        if name not in (around, enclosing):
            yield site.replace(node, f"{name}({text})", near)


def _whole(node: ast.expr, parent: ast.AST | None) -> bool:
    """Say whether a node is a value of its own: an argument, a side of a comparison, a returned or assigned value."""
    if not isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Load):
        return False
    if isinstance(parent, ast.Call):
        return node is not parent.func
    if isinstance(parent, ast.For | ast.comprehension):
        return node is parent.iter
    return isinstance(
        parent,
        ast.Return
        | ast.Assign
        | ast.Compare
        | ast.keyword
        | ast.Yield
        | ast.Subscript
        | ast.AugAssign
        | ast.BinOp
        | ast.Tuple,
    )


def _own_functions(site: Site) -> dict[str, float]:
    """Return the module's functions that take one argument."""
    found = {}
    for name, functions in site.index.functions.items():
        arguments = functions[0].args
        if len(arguments.args) - len(arguments.defaults) == 1 and arguments.args[0].arg not in ("self", "cls"):
            found[name] = 0.4
    return dict(list(found.items())[:8])


@repair(
    "freed of a call",
    ast.Call,
    examples=(("x = list(y)\n", "x = y\n"), ("x = f(len(y), z)\n", "x = f(y, z)\n"), ("x = f(a, b)\n", "x = a\n")),
)
def unwrapped(site: Site, node: ast.Call) -> Iterator[Rewrite]:
    """Replace a call by one of its arguments."""
    if isinstance(site.parent(node), ast.Expr):
        return
    for arg in node.args[:3]:
        if not isinstance(arg, ast.Starred | ast.GeneratorExp):
            yield site.replace(node, site.text(arg), 1.0 if len(node.args) == 1 else 0.3)


@repair(
    "method call added",
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.Call,
    examples=(
        ("for k, v in d:\n    pass\n", "for k, v in d.items():\n    pass\n"),
        ("x = y == z\n", "x = y.lower() == z\n"),
        ("def f(x):\n    return x\n", "def f(x):\n    return x.copy()\n"),
    ),
)
def added_method(site: Site, node: ast.expr) -> Iterator[Rewrite]:
    """Call a usual method on a value."""
    parent = site.parent(node)
    if not _whole(node, parent) or isinstance(parent, ast.BinOp):
        return
    end = site.source.span(node)[1]
    pair = isinstance(parent, ast.For | ast.comprehension) and isinstance(parent.target, ast.Tuple)
    for name, near in _METHODS.items():
        yield site.splice(end, end, f".{name}()", 2.0 if pair and name == "items" else near)


@repair(
    "method call dropped",
    ast.Call,
    examples=(("x = y.strip()\n", "x = y\n"), ("x = a.b(c).d()\n", "x = a.b(c)\n"), ("x = self.f()\n", "x = self.f\n")),
)
def dropped_method(site: Site, node: ast.Call) -> Iterator[Rewrite]:
    """Take a value as it is, without the method call on it, or the method without calling it."""
    if isinstance(site.parent(node), ast.Expr) or not isinstance(node.func, ast.Attribute):
        return
    end = site.source.span(node)[1]
    yield site.splice(site.source.span(node.func.value)[1], end, "", 1.0 if len(node.args) < 2 else 0.5)
    if not node.args and not node.keywords:
        yield site.splice(site.source.span(node.func)[1], end, "", 0.4)


@repair(
    "called",
    ast.Name,
    ast.Attribute,
    examples=(("x = a.size\n", "x = a.size()\n"), ("def g():\n    pass\nx = g\n", "def g():\n    pass\nx = g()\n")),
)
def called(site: Site, node: ast.Name | ast.Attribute) -> Iterator[Rewrite]:
    """Call what is only named."""
    parent = site.parent(node)
    if not isinstance(node.ctx, ast.Load) or isinstance(parent, ast.Attribute):
        return
    if isinstance(parent, ast.Call) and parent.func is node:
        return
    name = node.attr if isinstance(node, ast.Attribute) else node.id
    known = name in site.index.functions or name in site.index.classes
    if known or isinstance(node, ast.Attribute):
        end = site.source.span(node)[1]
        yield site.splice(end, end, "()", 1.0 if known else 0.3)


@repair(
    "held within a bound",
    ast.Assign,
    ast.Return,
    examples=(
        ("best = n\n", "best = max(best, n)\n"),
        ("def f(a):\n    return a - 1\n", "def f(a):\n    return max(0, a - 1)\n"),
    ),
)
def bounded(site: Site, node: ast.Assign | ast.Return) -> Iterator[Rewrite]:
    """Keep the greater or the smaller of a value and what was there before, or nothing below zero."""
    value = node.value
    if value is None or isinstance(value, ast.Constant | ast.Tuple | ast.List | ast.Dict | ast.Lambda | ast.JoinedStr):
        return
    if isinstance(value, ast.Call) and callee(value) in ("max", "min"):
        return
    held = {"0": 0.6}
    if (
        isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and not isinstance(node.targets[0], ast.Tuple | ast.List)
    ):
        held[site.text(node.targets[0])] = 1.0
    for other, near in held.items():
        yield site.replace(value, f"max({other}, {site.text(value)})", near)
        yield site.replace(value, f"min({other}, {site.text(value)})", near * (0.9 if other != "0" else 0.2))


TABLE = (wrapped, unwrapped, added_method, dropped_method, called, bounded)
