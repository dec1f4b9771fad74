"""Numbers: off by one, slice bounds, other literals."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.index import callee
from agents.repair.operators.priors import repair
from agents.repair.site import Rewrite, Site

_PLACES = (ast.Call, ast.Return, ast.Assign, ast.Compare, ast.Subscript, ast.Slice, ast.AugAssign)
_SHIFTED = (ast.Name, ast.Attribute, ast.Call, ast.BinOp, ast.Subscript)


@repair(
    "number literal",
    ast.Constant,
    examples=(
        ("x = 1\n", "x = 2\n"),
        ("x = y[0]\n", "x = y[1]\n"),
        ("x = f(10, 3)\n", "x = f(10, 4)\n"),
        ("x = 5\ny = 10\n", "x = 10\ny = 10\n"),
        ("x = n % 2\n", "x = n % -2\n"),
        ("x = 0.5\n", "x = -0.5\n"),
    ),
)
def number(site: Site, node: ast.Constant) -> Iterator[Rewrite]:
    """Replace a number by a near one, by 0, 1 or -1, or by another of the same function."""
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    others: dict[str, float] = {}
    if isinstance(value, int):
        others |= {str(value + 1): 1.0, str(value - 1): 1.0}
    others |= {text: others.get(text, 0.5) for text in ("0", "1")}
    others |= {text: 0.4 for text in site.scope.numbers if text not in others}
    signed = repr(-value)
    others |= {text: 0.25 for text in (signed, "2", "-1", "10", "None") if text not in others}
    if isinstance(site.parent(node), ast.BinOp | ast.Slice):
        # To drop the operand or the bound does the same, and reads better.
        others["0"] = 0.2
    for text, closeness in others.items():
        if text != repr(value):
            yield site.splice(*site.source.span(node), text, closeness)


@repair(
    "off by one",
    *_SHIFTED,
    examples=(
        ("for i in range(n):\n    pass\n", "for i in range(n + 1):\n    pass\n"),
        ("x = a[i]\n", "x = a[i - 1]\n"),
        ("x = a[i, j]\n", "x = a[i, j - 1]\n"),
        ("y = len(a)\n", "y = len(a) - 1\n"),
        ("y = n - 1\n", "y = n\n"),
        ("y = (n + 1) * 2\n", "y = (n) * 2\n"),
    ),
)
def off_by_one(site: Site, node: ast.expr) -> Iterator[Rewrite]:
    """Add or take one, or drop a one that is added or taken."""
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Add | ast.Sub) and _is_one(node.right):
            yield site.splice(site.outer(node.left)[1], site.outer(node.right)[1], "", 1.0)
        if isinstance(node.op, ast.Add) and _is_one(node.left):
            yield site.splice(site.outer(node.left)[0], site.outer(node.right)[0], "", 1.0)
    parent = site.parent(node)
    near = _closeness(node, parent if not isinstance(parent, ast.Tuple) else site.parent(parent))
    if near and isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Load):
        for shift in ("+ 1", "- 1"):
            yield site.replace(node, f"{site.text(node)} {shift}", near)


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value == 1


def _closeness(node: ast.expr, parent: ast.AST | None) -> float:
    """Return how likely a number stands at this place, 0 where none can."""
    if isinstance(parent, ast.Call):
        return 0.0 if node is parent.func else (1.0 if callee(parent) == "range" else 0.35)
    if isinstance(parent, ast.Subscript):
        return 0.0 if node is parent.value else 1.0
    if isinstance(parent, ast.Slice | ast.Compare):
        return 0.8 if isinstance(parent, ast.Slice) else 0.6
    if isinstance(parent, ast.BinOp):
        return 0.4 if isinstance(parent.op, ast.FloorDiv | ast.Mod | ast.Mult | ast.Add | ast.Sub) else 0.1
    return 0.5 if isinstance(parent, ast.Return | ast.Assign | ast.AugAssign) else 0.0


@repair(
    "slice bound",
    ast.Slice,
    examples=(
        ("x = a[1:]\n", "x = a[:]\n"),
        ("x = a[:n]\n", "x = a[n:]\n"),
        ("x = a[:]\n", "x = a[1:]\n"),
        ("x = a[:]\n", "x = a[:-1]\n"),
        ("x = a[i:j]\n", "x = a[i:]\n"),
        ("x = a[i:]\n", "x = a[i::-1]\n"),
        ("x = a[b:c]\n", "x = a[:c]\n"),
    ),
)
def slice_bound(site: Site, node: ast.Slice) -> Iterator[Rewrite]:
    """Drop, add or move a bound of a slice."""
    lower, upper, step = ((site.text(each) if each else "") for each in (node.lower, node.upper, node.step))
    tail = f":{step}" if step else ""
    wanted: dict[str, float] = {}
    if lower:
        wanted |= {f":{upper}": 0.8, f":{lower}": 0.6 if not upper else 0.2}
    else:
        wanted |= {f"1:{upper}": 0.9}
    if upper:
        wanted |= {f"{lower}:": 0.8, f"{upper}:": 0.6 if not lower else 0.2}
    else:
        wanted |= {f"{lower}:-1": 0.9}
    for text, closeness in wanted.items():
        yield site.splice(*site.source.span(node), text + tail, closeness)
    if not step:
        yield site.splice(*site.source.span(node), f"{lower}:{upper}:-1", 0.4)
    else:
        yield site.splice(*site.source.span(node), f"{lower}:{upper}", 0.5)


@repair(
    "range and index",
    ast.Call,
    ast.Subscript,
    examples=(
        ("for i in range(1, n):\n    pass\n", "for i in range(n):\n    pass\n"),
        ("for i in range(n):\n    pass\n", "for i in range(1, n):\n    pass\n"),
        ("for i in range(n):\n    pass\n", "for i in reversed(range(n)):\n    pass\n"),
        ("x = a[i]\n", "x = a[-i]\n"),
        ("x = a[b][c]\n", "x = a[c][b]\n"),
    ),
)
def range_and_index(site: Site, node: ast.Call | ast.Subscript) -> Iterator[Rewrite]:
    """Change where a range begins, the direction of a range or an index, or the order of two indexes."""
    if isinstance(node, ast.Call):
        if callee(node) != "range" or not node.args:
            return
        first = site.source.span(node.args[0])
        if len(node.args) == 1:
            yield site.splice(first[0], first[0], "1, ", 0.8)
        else:
            yield site.splice(first[0], site.source.span(node.args[1])[0], "", 0.8)
        yield site.replace(node, f"reversed({site.text(node)})", 0.3)
    elif not isinstance(node.slice, ast.Slice | ast.Tuple):
        if isinstance(node.slice, ast.Name | ast.Constant):
            yield site.splice(*site.source.span(node.slice), f"-{site.text(node.slice)}", 0.3)
        if isinstance(node.value, ast.Subscript) and not isinstance(node.value.slice, ast.Slice):
            (start, stop), (begin, end) = site.source.span(node.value.slice), site.source.span(node.slice)
            middle = site.source.utf8[stop:begin].decode()
            yield site.splice(start, end, site.text(node.slice) + middle + site.text(node.value.slice), 0.7)


@repair(
    "slice added",
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    examples=(
        ("def f(a, k):\n    for x in a:\n        g(x)\n", "def f(a, k):\n    for x in a[k:]:\n        g(x)\n"),
        ("x = f(a[1:], b)\n", "x = f(a[1:], b[1:])\n"),
        ("def f(a):\n    return a\n", "def f(a):\n    return a[:-1]\n"),
    ),
)
def added_slice(site: Site, node: ast.expr) -> Iterator[Rewrite]:
    """Use a part of a sequence instead of the whole: one that the statement takes of another, or a usual one."""
    parent = site.parent(node)
    if not isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Load) or not _may_be_sequence(node, parent):
        return
    known = [
        each for each in ast.walk(site.block) if isinstance(each, ast.Subscript) and isinstance(each.slice, ast.Slice)
    ]
    wanted = {site.text(each.slice): 1.0 for each in known[:4]}
    wanted |= {text: near for text, near in (("1:", 0.6), (":-1", 0.5), ("::-1", 0.3)) if text not in wanted}
    for name in [each for each in site.scope.names if each not in ("self", "cls", site.text(node))][:4]:
        if site.function is not None:
            wanted |= {f"{name}:": 0.2, f":{name}": 0.2}
    end = site.source.span(node)[1]
    for text, near in wanted.items():
        yield site.splice(end, end, f"[{text}]", near)


def _may_be_sequence(node: ast.expr, parent: ast.AST | None) -> bool:
    if isinstance(parent, ast.For | ast.comprehension):
        return node is parent.iter
    if isinstance(parent, ast.Call):
        return node is not parent.func
    return isinstance(parent, ast.Return | ast.Assign | ast.Compare | ast.BinOp)


TABLE = (number, off_by_one, slice_bound, range_and_index, added_slice)
