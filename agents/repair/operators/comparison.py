"""Comparisons: another operator, the boundary, the operands the other way round."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agents.repair.operators.priors import repair
from agents.repair.site import Rewrite, Site

_SIGN = re.compile(rb"<=|>=|==|!=|<|>|\bis\s+not\b|\bnot\s+in\b|\bis\b|\bin\b")
_OTHERS: dict[type[ast.cmpop], dict[str, float]] = {
    ast.Lt: {"<=": 1.0, ">": 0.6, ">=": 0.4, "!=": 0.2, "==": 0.1},
    ast.LtE: {"<": 1.0, ">=": 0.6, ">": 0.4, "==": 0.2, "!=": 0.1},
    ast.Gt: {">=": 1.0, "<": 0.6, "<=": 0.4, "!=": 0.2, "==": 0.1},
    ast.GtE: {">": 1.0, "<=": 0.6, "<": 0.4, "==": 0.2, "!=": 0.1},
    ast.Eq: {"!=": 0.8, "is": 0.2, "in": 0.3, "<=": 0.3, ">=": 0.3, "<": 0.1, ">": 0.1},
    ast.NotEq: {"==": 0.8, "is not": 0.2, "not in": 0.3, "<": 0.3, ">": 0.3},
    ast.Is: {"is not": 0.9, "==": 0.6},
    ast.IsNot: {"is": 0.9, "!=": 0.6},
    ast.In: {"not in": 0.9, "==": 0.4},
    ast.NotIn: {"in": 0.9, "!=": 0.4},
}


@repair(
    "comparison and boundary",
    ast.Compare,
    examples=(
        ("if a < b:\n    pass\n", "if a <= b:\n    pass\n"),
        ("x = (a)==b # why\n", "x = (a)!=b # why\n"),
        ("ok = 0 <= n <= top\n", "ok = 0 <= n < top\n"),
        ("ok = a is not b\n", "ok = a is b\n"),
        ("ok = a==b\n", "ok = a is b\n"),
    ),
)
def comparison(site: Site, node: ast.Compare) -> Iterator[Rewrite]:
    """Replace the operator of a comparison."""
    left: ast.expr = node.left
    for sign, right in zip(node.ops, node.comparators, strict=True):
        start, end = site.source.span(left)[1], site.source.span(right)[0]
        found = _SIGN.search(site.source.gap(start, end))
        left = right
        if found is None:
            continue
        before = site.source.utf8[start + found.start() - 1 : start + found.start()]
        after = site.source.utf8[start + found.end() : start + found.end() + 1]
        for other, closeness in _OTHERS[type(sign)].items():
            text = other
            if other[0].isalpha():
                text = ("" if before.isspace() else " ") + other + ("" if after.isspace() else " ")
            yield site.splice(start + found.start(), start + found.end(), text, closeness)


@repair(
    "swapped operands",
    ast.Compare,
    ast.BinOp,
    examples=(
        ("if a in b:\n    pass\n", "if b in a:\n    pass\n"),
        ("d = (x+1) - y\n", "d = y - (x+1)\n"),
    ),
)
def swapped_operands(site: Site, node: ast.Compare | ast.BinOp) -> Iterator[Rewrite]:
    """Swap two operands whose order matters."""
    if isinstance(node, ast.Compare):
        if len(node.ops) > 1 or not isinstance(node.ops[0], ast.In | ast.NotIn | ast.Lt | ast.Gt | ast.LtE | ast.GtE):
            return
        left, right = node.left, node.comparators[0]
    else:
        if isinstance(node.op, ast.Mult | ast.BitAnd | ast.BitOr | ast.BitXor):
            return
        left, right = node.left, node.right
    (start, stop), (begin, end) = site.outer(left), site.outer(right)
    middle = site.source.utf8[stop:begin].decode()
    yield site.splice(start, end, site.outer_text(right) + middle + site.outer_text(left))


@repair(
    "comparison with another number",
    ast.Compare,
    examples=(
        ("if len(a) == 0:\n    pass\n", "if len(a) <= 1:\n    pass\n"),
        ("if n > 0:\n    pass\n", "if n >= -1:\n    pass\n"),
    ),
)
def boundary(site: Site, node: ast.Compare) -> Iterator[Rewrite]:
    """Replace the operator of a comparison with a whole number, and the number by the one before or after it."""
    number = node.comparators[0]
    if len(node.ops) != 1 or not isinstance(number, ast.Constant) or type(number.value) is not int:
        return
    begin, end = site.source.span(node.left)[1], site.source.span(number)[1]
    found = _SIGN.search(site.source.gap(begin, site.source.span(number)[0]))
    if found is None:
        return
    # What one of both alone would do is not offered again: `< n + 1` does as `<= n`.
    for sign, value in (
        ("<=", number.value + 1),
        (">=", number.value - 1),
        ("!=", number.value + 1),
        ("!=", number.value - 1),
    ):
        near = 0.5 if sign != "!=" else 0.2
        yield site.splice(begin + found.start(), end, f"{sign} {value}", near)


TABLE = (comparison, swapped_operands, boundary)
