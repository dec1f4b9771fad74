"""What comes to the search from outside the code and its tests: lines that others suspect, and rewrites that they offer.

Gathered once for an attempt and journaled before it is used: another life must search in the same order.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from agents.repair.localise import Lines, own_lines
from agents.repair.site import Operator, Rewrite, Site
from agents.repair.source import Splice
from shadowfs import RepoPath

QUICK_FIX = "quick fix of a language server"
UNDONE = "recent change undone"
KNOWN_NAME = "name that a language server knows"
MOST_TEXT = 4_000
"""Characters that an offer may put in: more is no small edit, and would fill the journal."""
_WEIGHTS: Mapping[str, float] = {QUICK_FIX: 2.0, UNDONE: 1.5, KNOWN_NAME: 1.6}
"""Prior weights, as operators have them: such an offer is made for few places, unlike what operators make of any."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A rewrite that is offered for the statement at `line`: of which kind, and how close it is to what is there (0 to 1)."""

    path: RepoPath
    line: int
    kind: str
    closeness: float
    splices: tuple[Splice, ...]


@dataclass(frozen=True, slots=True)
class Hints:
    """`raised` gives path, line and the factor by which it is more suspicious; `failures` say what could not be heard."""

    raised: tuple[tuple[RepoPath, int, float], ...] = ()
    offers: tuple[Offer, ...] = ()
    failures: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.raised or self.offers or self.failures)

    def __add__(self, other: Hints) -> Hints:
        return Hints(self.raised + other.raised, self.offers + other.offers, self.failures + other.failures)

    def __str__(self) -> str:
        told = f"{len(self.raised)} lines suspected besides, {len(self.offers)} rewrites offered"
        return "; ".join((told, *self.failures))

    def data(self) -> dict[str, object]:
        """Return it as JSON values, for the journal."""
        return asdict(self)

    def over(self, lines: Lines) -> dict[tuple[RepoPath, int], float]:
        """Return the suspicion of each line, raised where others suspect it."""
        scores = dict(lines)
        for path, line, factor in self.raised:
            if (path, line) in scores:
                scores[path, line] *= factor
        return scores

    def operators(self) -> tuple[Operator, ...]:
        """Return an operator for each kind of offer that there is."""
        return tuple(self._operator(kind) for kind in _WEIGHTS if any(offer.kind == kind for offer in self.offers))

    def _operator(self, kind: str) -> Operator:
        def rewrites(site: Site, _: ast.AST) -> Iterator[Rewrite]:
            for offer in self.offers:
                if (offer.kind, offer.path) == (kind, site.source.path) and offer.line in own_lines(site.block):
                    yield Rewrite(offer.splices, offer.closeness)

        return Operator(kind, _WEIGHTS[kind], (ast.stmt, ast.ExceptHandler), rewrites, ())
