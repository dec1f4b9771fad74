"""Guards: a condition in front of a statement that must not always run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.operators.priors import repair
from agents.repair.site import Rewrite, Site

_SIMPLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.Return, ast.Raise, ast.Delete, ast.AnnAssign)
_GUARDED = (*_SIMPLE, ast.For, ast.If, ast.While, ast.With)


@repair(
    "missing guard",
    *_GUARDED,
    examples=(
        ("def f(x):\n    return x[0]\n", "def f(x):\n    if not x:\n        return None\n    return x[0]\n"),
        (
            "def f(x):\n    y = x.name\n    return y\n",
            "def f(x):\n    if x is None:\n        return x\n    y = x.name\n    return y\n",
        ),
        (
            "for x in y:\n    print(x.a)\n",
            "for x in y:\n    if not x:\n        continue\n    print(x.a)\n",
        ),
        (
            "def f(a, b):\n    return a / b\n",
            "def f(a, b):\n    if b == 0:\n        return 0\n    return a / b\n",
        ),
    ),
)
def early_exit(site: Site, node: ast.stmt) -> Iterator[Rewrite]:
    """Leave the function or the round of the loop early when a value is missing."""
    exits = _exits(site, node)
    for condition, near, subject in _missing(node):
        own = {f"return {subject}": 0.6} if site.function is not None else {}
        for text, closeness in (exits | own).items():
            if rewrite := site.insert(f"if {condition}:\n    {text}", near * closeness, "returns early"):
                yield rewrite


def _exits(site: Site, node: ast.stmt) -> dict[str, float]:
    exits: dict[str, float] = {}
    loops = (ast.For, ast.While, ast.AsyncFor)
    above = [each for each in site.index.up(node) if isinstance(each, (*loops, ast.FunctionDef, ast.AsyncFunctionDef))]
    if above and isinstance(above[0], loops):
        exits |= {"continue": 0.9, "break": 0.5}
    if site.function is not None:
        exits |= {f"return {text}": 0.4 for text in ("None", "False", "True", "0", "[]", '""')}
        exits |= {
            f"return {site.text(value)}": 0.6
            for value in site.scope.returns[:4]
            if value is not getattr(node, "value", None)
        }
    return exits


def _missing(node: ast.stmt) -> Iterator[tuple[str, float, str]]:
    """Yield conditions under which a value that the statement uses is missing, and the value."""
    seen: set[str] = set()
    for each in _header(node):
        value: ast.AST | None = None
        if isinstance(each, ast.Attribute | ast.Subscript):
            value = each.value
        elif isinstance(each, ast.Call) and each.args:
            value = each.args[0]
        elif isinstance(each, ast.BinOp) and isinstance(each.op, ast.Div | ast.FloorDiv | ast.Mod):
            value = each.right
        elif isinstance(each, ast.For):
            value = each.iter
        if not isinstance(value, ast.Name | ast.Attribute):
            continue
        text = ast.unparse(value)
        if text in seen or text in ("self", "cls") or len(seen) >= 4:
            continue
        seen.add(text)
        yield f"not {text}", 0.8, text
        yield f"{text} is None", 0.8, text
        if isinstance(each, ast.BinOp):
            yield f"{text} == 0", 0.8, text


def _header(node: ast.stmt) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = [node]
    while waiting:
        each = waiting.pop(0)
        yield each
        waiting.extend(
            child for child in ast.iter_child_nodes(each) if not isinstance(child, ast.stmt | ast.ExceptHandler)
        )


@repair(
    "statement made conditional",
    *_SIMPLE,
    examples=(
        ("def f(x):\n    x.close()\n", "def f(x):\n    if x:\n        x.close()\n"),
        ("def f(x, y):\n    x.a = y.b\n", "def f(x, y):\n    if y is not None:\n        x.a = y.b\n"),
        ("def f(x, k):\n    del x[k]\n", "def f(x, k):\n    if k in x:\n        del x[k]\n"),
    ),
)
def conditional(site: Site, node: ast.stmt) -> Iterator[Rewrite]:
    """Run a statement of one line only under a condition."""
    start, end = site.source.span(node)
    indent = site.source.indent_at(start)
    if indent is None or site.source.line_of(start) != site.source.line_of(end):
        return
    deeper = site.source.newline + indent + ("\t" if indent.endswith("\t") else "    ")
    for condition, near in _conditions(site, node).items():
        yield site.splice(start, start, f"if {condition}:{deeper}", near)


def _conditions(site: Site, node: ast.stmt) -> dict[str, float]:
    found: dict[str, float] = {}
    for condition, near, subject in _missing(node):
        positive = {f"not {subject}": subject, f"{subject} is None": f"{subject} is not None"}
        found[positive.get(condition, f"{subject} != 0")] = near
    for each in ast.walk(node):
        if isinstance(each, ast.Subscript) and isinstance(each.slice, ast.Name | ast.Constant):
            found[f"{ast.unparse(each.slice)} in {ast.unparse(each.value)}"] = 0.7
            found[f"{ast.unparse(each.slice)} not in {ast.unparse(each.value)}"] = 0.5
    names = [name for name in site.scope.names if name not in ("self", "cls")] if site.function else []
    for name in names[:6]:
        found.setdefault(name, 0.35)
        found.setdefault(f"not {name}", 0.3)
    return found


TABLE = (early_exit, conditional)
