"""Which plausible patch to offer: the likelier place and operator, without what smells of satisfying the tests alone."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from agents.repair.search import Plausible

_PENALTY = {
    "drops a statement": 0.25,
    "drops a condition": 0.7,
    "makes a condition constant": 0.15,
    "returns a constant": 0.4,
    "returns early": 0.6,
    "copies a literal from the test": 0.4,
}


def literals(text: str) -> frozenset[str]:
    """Return the strings and larger numbers that a piece of code writes out."""
    try:
        tree = ast.parse(textwrap.dedent(text).strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    return frozenset(
        repr(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value not in (None, True, False, "", 0, 1, 2, -1)
    )


@dataclass(frozen=True, slots=True)
class Taste:
    """What a patch is judged by beside its place in the search: the literals that the failing tests write out, and those of the code."""

    of_tests: frozenset[str] = frozenset()
    of_code: frozenset[str] = frozenset()

    def smells(self, plausible: Plausible) -> frozenset[str]:
        """Return what about a patch smells of overfitting."""
        found = set(plausible.variant.rewrite.smells)
        for splice in plausible.variant.rewrite.splices:
            if literals(splice.text) & self.of_tests - self.of_code:
                found.add("copies a literal from the test")
        return frozenset(found)

    def merit(self, plausible: Plausible) -> float:
        """Return how good a patch looks: its score in the search, less for each smell and for its size."""
        return plausible.score * self._trust(plausible) / (1.0 + size(plausible) / 40.0)

    def best_first(self, patches: Sequence[Plausible]) -> list[Plausible]:
        """Return plausible patches, the best first."""
        return sorted(patches, key=lambda each: (-self.merit(each), each.index))

    def smallest_first(self, patches: Sequence[Plausible]) -> list[Plausible]:
        """Return patches that do the same, the smallest edit first among those that smell alike."""
        return sorted(patches, key=lambda each: (-self._trust(each), size(each), each.index))

    def _trust(self, plausible: Plausible) -> float:
        return prod(_PENALTY[smell] for smell in self.smells(plausible))


def size(plausible: Plausible) -> int:
    """Return how many bytes a patch takes and gives."""
    return sum(splice.end - splice.start + len(splice.text) for splice in plausible.variant.rewrite.splices)
