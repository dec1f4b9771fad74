"""Places that are like what a model wants replaced: windows voted for by equal lines, then aligned line by line."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from agents.edits.alike import Likeness, code, likeness, squeezed
from agents.edits.edit import How
from agents.edits.match import Lines, Match, with_blanks

_SLACK = 12
"""How many lines somebody may have put in meanwhile."""
_REGIONS = 8
_MOST = 200
"""Searched lines beyond which no likeness is looked for: it would take seconds."""
_COMMON = 60
"""A line that stands at more places than this votes for none."""
_COMPARED = 400
_FULL = 40
"""Characters from which on a line weighs as much as any."""
_COMMENT = 0.3
_SKIPPED = 0.5
_WORTH = 0.3
_EXTRA = 0.12


@dataclass(frozen=True, slots=True)
class Window:
    """A place, what each searched line is to its real line, and how much each weighs; blank lines weigh nothing."""

    match: Match
    likeness: tuple[Likeness, ...]
    weights: tuple[float, ...]

    @property
    def same(self) -> float:
        """Return the share of the searched lines, by weight, that stand here with the same code or a slip in it."""
        total = sum(self.weights)
        return sum(w for w, each in zip(self.weights, self.likeness, strict=True) if each >= Likeness.TYPO) / total


def windows(search: Sequence[str], real: Lines) -> list[Window]:
    """Return places that are alike, the likest first; none overlaps one before it."""
    solid = [at for at, line in enumerate(search) if line.strip()]
    if not solid or not real.solid or len(solid) > _MOST:
        return []
    compare = _Compare([search[at] for at in solid], real)
    made = [each for region in _regions([search[at] for at in solid], real) for each in compare.all(*region)]
    found = [compare.window(pairs, score, search, solid) for score, pairs in made if any(p is not None for p in pairs)]
    kept: list[Window] = []
    for window in sorted(found, key=lambda each: -each.match.score):
        if all(window.match.last < each.match.first or window.match.first > each.match.last for each in kept):
            kept.append(window)
    return kept


def _regions(lines: Sequence[str], real: Lines) -> list[tuple[int, int]]:
    """Return ranges of the solid real lines that hold enough of the lines, the most promising first."""
    order = {at: number for number, at in enumerate(real.solid)}
    votes: dict[int, float] = defaultdict(float)
    for at, line in enumerate(lines):
        found = real.places.get(squeezed(line), [])
        if len(found) <= _COMMON:
            for place in found:
                votes[order[place] - at] += len(line) ** 0.5 / len(found) ** 0.5
    there = [real.squeezed[at][:_COMPARED] for at in real.solid]
    for at in sorted(range(len(lines)), key=lambda each: -len(lines[each].strip()))[:3]:
        near = process.extract(
            squeezed(lines[at])[:_COMPARED], there, scorer=fuzz.ratio, score_cutoff=70, limit=_REGIONS
        )
        for _, ratio, number in near:
            votes[number - at] += ratio / 100
    chosen: list[int] = []
    for diagonal in sorted(votes, key=lambda each: (-votes[each], each)):
        if all(abs(diagonal - other) > 2 for other in chosen):
            chosen.append(diagonal)
    size = len(lines)
    return [(max(0, d - _SLACK), min(len(there), d + size + _SLACK)) for d in chosen[:_REGIONS]]


class _Compare:
    """Aligns searched lines with ranges of a file; each pair of lines is compared once."""

    def __init__(self, lines: Sequence[str], real: Lines) -> None:
        self.lines = lines
        self.real = real
        self.known: dict[tuple[str, str], tuple[Likeness, float]] = {}
        self.weights = tuple(_weight(line, real.marks) for line in lines)
        self.total = sum(self.weights)

    def like(self, at: int, place: int) -> tuple[Likeness, float]:
        """Compare one searched line with one real line."""
        key = (self.lines[at], self.real.lines[place])
        if key not in self.known:
            self.known[key] = likeness(*key, self.real.marks, self.real.words)
        return self.known[key]

    def all(self, first: int, last: int) -> Iterator[tuple[float, list[int | None]]]:
        """Yield the best alignment with solid lines of a range, then those before and after it: copies may lie side by side."""
        score, pairs = self.align(first, last)
        yield score, pairs
        taken = [place for place in pairs if place is not None]
        if score < _WORTH or not taken:
            return
        low, high = (bisect_left(self.real.solid, place) for place in (taken[0], taken[-1]))
        for begin, end in ((first, low), (high + 1, last)):
            if end - begin > len(self.lines) / 2:
                yield self.align(begin, end)

    def align(self, first: int, last: int) -> tuple[float, list[int | None]]:
        """Return the best alignment of all lines with solid lines of a range, and its score; at most 1, 0 is worthless.

        Needleman and Wunsch's, with free ends on the side of the file.
        """
        places = self.real.solid[first:last]
        extra = [_EXTRA * _weight(self.real.lines[place], self.real.marks) for place in places]
        rows = [[0.0] * (len(places) + 1)]
        came: list[list[int]] = []
        for at, weight in enumerate(self.weights):
            before, row, moves = rows[-1], [rows[-1][0] - _SKIPPED * weight], []
            for step, place in enumerate(places):
                kind, worth = self.like(at, place)
                pair = before[step] + weight * worth if kind else float("-inf")
                skip, more = before[step + 1] - _SKIPPED * weight, row[step] - extra[step]
                best = max(pair, skip, more)
                moves.append(0 if best == pair else 1 if best == skip else 2)
                row.append(best)
            rows.append(row)
            came.append(moves)
        end = max(range(len(places) + 1), key=lambda step: rows[-1][step])
        return rows[-1][end] / self.total, _walk(came, places, end)

    def window(self, pairs: Sequence[int | None], score: float, search: Sequence[str], solid: Sequence[int]) -> Window:
        """Return what was aligned as a window over all searched lines."""
        full: list[int | None] = [None] * len(search)
        kinds, weights = [Likeness.SAME] * len(search), [0.0] * len(search)
        for number, at in enumerate(solid):
            place = full[at] = pairs[number]
            kinds[at] = Likeness.OTHER if place is None else self.like(number, place)[0]
            weights[at] = self.weights[number]
        match = Match(How.LOOSE, with_blanks(full, search, self.real), max(score, 0.0))
        return Window(match, tuple(kinds), tuple(weights))


def _walk(came: Sequence[Sequence[int]], places: Sequence[int], step: int) -> list[int | None]:
    pairs: list[int | None] = [None] * len(came)
    at = len(came)
    while at and step:
        move = came[at - 1][step - 1]
        if move == 0:
            pairs[at - 1] = places[step - 1]
        at -= move != 2
        step -= move != 1
    return pairs


def _weight(line: str, marks: tuple[str, ...]) -> float:
    kept = code(line, marks)
    size = len(kept) if kept else len(line.strip()) * _COMMENT
    return max(0.05, min(size, _FULL) / _FULL)
