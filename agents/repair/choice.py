"""Which plausible patch to offer: the likelier place and operator, without what smells of satisfying the tests alone."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from agents.repair.search import Plausible

_PENALTY = {
    "drops a statement": 0.25,
    "drops a condition": 0.7,
    "makes a condition constant": 0.15,
    "returns a constant": 0.4,
    "returns early": 0.6,
    "copies a literal from the test": 0.4,
}
_TRUST: Mapping[str, float] = {
    "arithmetic operator": 0.6,
    "missing operand": 0.5,
    "comparison and boundary": 0.9,
    "off by one": 1.1,
    "swapped arguments": 1.2,
    "number literal": 1.0,
}
"""How far an operator's plausible patch is trusted beside the others': set by hand, not fitted. An earlier prototype's wrong
first answers on HumanEvalFix were mostly arithmetic operators, some comparisons, and none of the last three."""


def smells(plausible: Plausible, test_literals: frozenset[str], own_literals: frozenset[str]) -> frozenset[str]:
    """Return what about a patch smells of overfitting."""
    found = set(plausible.variant.rewrite.smells)
    for splice in plausible.variant.rewrite.splices:
        new = literals(splice.text)
        if new & test_literals - own_literals:
            found.add("copies a literal from the test")
    return frozenset(found)


def literals(text: str) -> frozenset[str]:
    """Return the strings and larger numbers that a piece of code writes out."""
    try:
        tree = ast.parse(text.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    return frozenset(
        repr(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value not in (None, True, False, "", 0, 1, 2, -1)
    )


def best_first(
    plausible: Sequence[Plausible], test_literals: frozenset[str], own_literals: frozenset[str]
) -> list[Plausible]:
    """Return plausible patches, the one to offer first."""

    def merit(each: Plausible) -> float:
        value = each.score * _TRUST.get(each.variant.operator, 1.0)
        for smell in smells(each, test_literals, own_literals):
            value *= _PENALTY[smell]
        return value / (1.0 + size(each) / 40.0)

    return sorted(plausible, key=lambda each: (-merit(each), each.index))


def size(plausible: Plausible) -> int:
    """Return how many bytes a patch takes and gives."""
    return sum(splice.end - splice.start + len(splice.text) for splice in plausible.variant.rewrite.splices)
