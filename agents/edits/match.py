"""Where the lines that a model wants replaced stand in a file: a ladder of ever less strict comparisons."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from agents.edits.alike import comment_marks, defines, squeezed, words
from agents.edits.edit import How

ELLIPSIS = re.compile(r"\s*(?:(?:#|//|/\*|--|<!--)\s*)?(?:\.\.\.|…)[^\n]*")
_MOST_CHAINS = 64
_FARTHEST = 100
"""Lines that `...` may stand for beyond the block it is in."""
_CLOSES = (")", "]", "}", "end")


class Lines:
    """The lines of one file, with what comparing needs of them, each computed once."""

    def __init__(self, path: str, lines: Sequence[str]) -> None:
        self.path = path
        self.lines = tuple(lines)
        self.marks = comment_marks(path)

    @cached_property
    def squeezed(self) -> tuple[str, ...]:
        """Return the lines without spaces."""
        return tuple(map(squeezed, self.lines))

    @cached_property
    def solid(self) -> tuple[int, ...]:
        """Return the numbers of the lines that are not blank."""
        return tuple(at for at, line in enumerate(self.squeezed) if line)

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Return where each squeezed line stands."""
        found: dict[str, list[int]] = defaultdict(list)
        for at in self.solid:
            found[self.squeezed[at]].append(at)
        return found

    @cached_property
    def words(self) -> frozenset[str]:
        """Return the words of the file."""
        return words("\n".join(self.lines))


@dataclass(frozen=True, slots=True)
class Match:
    """A place that was found: for each searched line the number (from 0) of the real line it is, or None."""

    how: How
    pairs: tuple[int | None, ...]
    score: float = 1.0

    @property
    def first(self) -> int:
        """Return the first real line."""
        return min(at for at in self.pairs if at is not None)

    @property
    def last(self) -> int:
        """Return the last real line."""
        return max(at for at in self.pairs if at is not None)


def exact(search: Sequence[str], real: Lines) -> list[Match]:
    """Return each place where the lines stand, by the strictest comparison that finds any."""
    levels: tuple[tuple[How, Callable[[str], str]], ...] = ((How.EXACT, str), (How.SPACES, str.rstrip))
    for how, key in levels:
        wanted, there = [key(line) for line in search], [key(line) for line in real.lines]
        found = [Match(how, tuple(range(at, at + len(wanted)))) for at in _runs(wanted, there)]
        if found:
            return found
    return shifted(search, real)


def shifted(search: Sequence[str], real: Lines) -> list[Match]:
    """Return each place where the lines stand, but for spaces and blank lines."""
    solid = [at for at, line in enumerate(search) if line.strip()]
    there = [real.squeezed[at] for at in real.solid]
    found = []
    for run in _runs([squeezed(search[at]) for at in solid], there):
        pairs: list[int | None] = [None] * len(search)
        for step, at in enumerate(solid):
            pairs[at] = real.solid[run + step]
        found.append(Match(How.SHIFTED, with_blanks(pairs, search, real)))
    return found


def with_blanks(pairs: Sequence[int | None], search: Sequence[str], real: Lines) -> tuple[int | None, ...]:
    """Return the pairs with blank lines paired too, where both sides have one after the same line."""
    full = list(pairs)
    for at, line in enumerate(search):
        before = full[at - 1] if at else None
        if full[at] is None and not line.strip() and before is not None and before + 1 < len(real.lines):
            full[at] = None if real.squeezed[before + 1] else before + 1
    return tuple(full)


def elided(search: Sequence[str], real: Lines) -> list[Match]:
    """Return each place where the lines stand in order, `...` on a line of its own standing for any lines of one block."""
    parts = list(_parts(search))
    if len(parts) < 2:
        return []
    found = [exact(lines, real) for _, lines in parts]
    if len(found[0]) > _MOST_CHAINS:
        return []
    near = [
        chain for match in found[0] for chain in _chains(match, found[1:], block_end(match.first, real, match.last))
    ]
    chains = near or [chain for match in found[0] for chain in _chains(match, found[1:], match.last + _FARTHEST)]
    made = []
    for chain in chains:
        pairs: list[int | None] = [None] * len(search)
        for (start, lines), match in zip(parts, chain, strict=True):
            pairs[start : start + len(lines)] = match.pairs
        made.append(Match(How.ELIDED, tuple(pairs)))
    return made


def _parts(search: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    start = 0
    for at in range(len(search) + 1):
        if at == len(search) or ELLIPSIS.fullmatch(search[at]):
            if any(line.strip() for line in search[start:at]):
                yield start, tuple(search[start:at])
            start = at + 1


def _chains(first: Match, found: Sequence[Sequence[Match]], end: int) -> list[tuple[Match, ...]]:
    """Return the ways to go on from a first part with a place for each further part, in order and before `end`.

    There are none where there would be very many: then nothing says which is meant.
    """
    chains: list[tuple[Match, ...]] = [(first,)]
    for matches in found:
        starts = [match.first for match in matches]
        after = [(chain, bisect_right(starts, chain[-1].last)) for chain in chains]
        chains = [
            (*chain, match) for chain, at in after for match in matches[at : at + _MOST_CHAINS + 1] if match.last < end
        ]
        if len(chains) > _MOST_CHAINS:
            return []
    return chains


def block_end(start: int, real: Lines, last: int | None = None) -> int:
    """Return the line after the block that a line begins, or stands in if it begins none, judged by indentation.

    The lines up to `last` are in the block, however deep they stand.
    """
    inner = [at for at in real.solid if start <= at <= (start if last is None else last)]
    depth = min(_depth(real.lines[at]) for at in inner)
    head = defines(real.lines[start]) and _depth(real.lines[start]) == depth
    for at in real.solid:
        text, own = real.lines[at].lstrip(), _depth(real.lines[at])
        if at > inner[-1] and (own < depth or (head and own == depth and not text.startswith((*_CLOSES, "{")))):
            return at + text.startswith(_CLOSES)
    return len(real.lines)


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _runs(wanted: Sequence[str], there: Sequence[str]) -> Iterator[int]:
    if not wanted or len(wanted) > len(there):
        return
    count = Counter(there)
    rarest = min(range(len(wanted)), key=lambda at: count[wanted[at]])
    if not count[wanted[rarest]]:
        return
    for at, line in enumerate(there):
        start = at - rarest
        if line == wanted[rarest] and start >= 0 and list(there[start : start + len(wanted)]) == list(wanted):
            yield start
