"""Truth: and/or, negation, a conjunct too few or too many."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agents.repair.operators.priors import repair
from agents.repair.site import Rewrite, Site

_WORD = re.compile(rb"\b(and|or)\b")


@repair(
    "and/or",
    ast.BoolOp,
    examples=(("x = a and b\n", "x = a or b\n"), ("x = (a)or(b)\n", "x = (a)and(b)\n")),
)
def and_or(site: Site, node: ast.BoolOp) -> Iterator[Rewrite]:
    """Replace `and` by `or`, and the other way round."""
    for left, right in zip(node.values, node.values[1:], strict=False):
        start = site.source.span(left)[1]
        if found := _WORD.search(site.source.gap(start, site.source.span(right)[0])):
            other = "or" if found[1] == b"and" else "and"
            yield site.splice(start + found.start(), start + found.end(), other)


@repair(
    "negation",
    ast.UnaryOp,
    ast.If,
    ast.While,
    ast.IfExp,
    ast.BoolOp,
    ast.comprehension,
    ast.Return,
    ast.Assert,
    examples=(
        ("if x:\n    pass\n", "if not x:\n    pass\n"),
        ("if not x:\n    pass\n", "if x:\n    pass\n"),
        ("y = a and b\n", "y = a and not b\n"),
        ("y = [i for i in a if i.ok]\n", "y = [i for i in a if not i.ok]\n"),
        ("if a == b or c:\n    pass\n", "if not (a == b or c):\n    pass\n"),
    ),
)
def negation(site: Site, node: ast.AST) -> Iterator[Rewrite]:
    """Add or drop a `not`."""
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.Not):
            yield site.splice(site.source.span(node)[0], site.outer(node.operand)[0], "")
        return
    for test, closeness in _tests(node):
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            continue
        loose = isinstance(test, ast.BoolOp | ast.IfExp | ast.Compare | ast.NamedExpr)
        text = f"not ({site.text(test)})" if loose else f"not {site.text(test)}"
        yield site.splice(*site.source.span(test), text, closeness)


def _tests(node: ast.AST) -> Iterator[tuple[ast.expr, float]]:
    if isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
        yield node.test, 1.0
    elif isinstance(node, ast.BoolOp):
        yield from ((value, 0.6) for value in node.values)
    elif isinstance(node, ast.comprehension):
        yield from ((test, 0.8) for test in node.ifs)
    elif isinstance(node, ast.Return) and node.value is not None:
        yield node.value, 0.4


@repair(
    "conjunct dropped",
    ast.BoolOp,
    examples=(
        ("if a and b and c:\n    pass\n", "if a and c:\n    pass\n"),
        ("if (a) or b:\n    pass\n", "if (a):\n    pass\n"),
        ("if a or (b):\n    pass\n", "if (b):\n    pass\n"),
    ),
)
def dropped_conjunct(site: Site, node: ast.BoolOp) -> Iterator[Rewrite]:
    """Drop one side of an `and` or `or`."""
    spans = [site.outer(value) for value in node.values]
    for at, (start, end) in enumerate(spans):
        if at + 1 < len(spans):
            yield site.splice(start, spans[at + 1][0], "", 1.0, "drops a condition")
        else:
            yield site.splice(spans[at - 1][1], end, "", 1.0, "drops a condition")


@repair(
    "conjunct added",
    ast.If,
    ast.While,
    ast.comprehension,
    ast.IfExp,
    ast.Return,
    examples=(
        ("def f(a, b):\n    if a:\n        return b\n", "def f(a, b):\n    if a and b:\n        return b\n"),
        ("def f(a, b):\n    if a:\n        return b\n", "def f(a, b):\n    if a or not b:\n        return b\n"),
        ("def f(a):\n    if a.x:\n        return a\n", "def f(a):\n    if a is not None and a.x:\n        return a\n"),
        ("if x[0] == y:\n    pass\n", "if x and x[0] == y:\n    pass\n"),
    ),
)
def added_conjunct(site: Site, node: ast.AST) -> Iterator[Rewrite]:
    """Make a condition more or less specific with a name or a condition of the same function."""
    for test, closeness in _tests(node):
        yield from _with(site, test, closeness)


def _with(site: Site, test: ast.expr, closeness: float) -> Iterator[Rewrite]:
    text = site.text(test)
    for_and = f"({text})" if isinstance(test, ast.IfExp | ast.Lambda | ast.NamedExpr) else text
    tight = f"({text})" if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or) else for_and
    for name, near in _subjects(test):
        yield site.replace(test, f"{name} and {tight}", 0.9 * near * closeness)
        yield site.replace(test, f"{name} is not None and {tight}", 0.8 * near * closeness)
        yield site.replace(test, f"not {name} or {for_and}", 0.6 * near * closeness)
        yield site.replace(test, f"{name} is None or {for_and}", 0.4 * near * closeness)
    for extra, near in _conditions(site, test):
        yield site.replace(test, f"{tight} and {extra}", 0.7 * near * closeness)
        yield site.replace(test, f"{for_and} or {extra}", 0.7 * near * closeness)
        yield site.replace(test, f"{tight} and not {extra}", 0.4 * near * closeness)
        yield site.replace(test, f"{for_and} or not {extra}", 0.4 * near * closeness)


def _subjects(test: ast.expr) -> list[tuple[str, float]]:
    """Return the names whose attributes, items or length a condition uses."""
    found: dict[str, float] = {}
    for node in ast.walk(test):
        value = node.value if isinstance(node, ast.Attribute | ast.Subscript) else None
        if isinstance(node, ast.Call) and node.args:
            value = node.args[0]
        if isinstance(value, ast.Name | ast.Attribute) and not isinstance(value, ast.Constant):
            found.setdefault(ast.unparse(value), 0.8)
    return list(found.items())[:4]


def _conditions(site: Site, test: ast.expr) -> list[tuple[str, float]]:
    """Return names of the function and conditions used elsewhere in it, nearest first."""
    used = {each.id for each in ast.walk(test) if isinstance(each, ast.Name)}
    scope = site.scope
    found = {name: 0.6 if name in scope.arguments else 0.4 for name in scope.names if name not in used}
    own = ast.unparse(test)
    for other in scope.expressions:
        if isinstance(other, ast.Compare) and ast.unparse(other) not in own:
            found.setdefault(site.text(other), 0.5)
    if site.function is not None:
        found |= {f"self.{name}": 0.15 for name in sorted(site.members()) if "self" in scope.arguments}
    ranked = sorted(found.items(), key=lambda each: -each[1])
    return [(name, near) for name, near in ranked if name not in ("self", "cls")][:12]


TABLE = (and_or, negation, dropped_conjunct, added_conjunct)
