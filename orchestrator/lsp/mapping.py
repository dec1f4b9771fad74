"""Mapping: where in a document, as it is now, the lines of a hunk stand. Pure; what cannot be told for sure is not guessed.

A hunk is looked for with the lines around it, three on each side, then fewer. It is found where those lines stand as often in the document
as in the file it was made for: then the same one of them is meant, wherever it has moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.reading import Hunk, Side

CONTEXT_LINES = 3
_TELLING = 12
"""Fewer letters and digits do not tell one place from another."""
_SEVERAL = 0
_EDGE = "\n"
"""Stands for the beginning and the end of a text, as a line that no text has."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The line (from 1) that the first of a hunk's lines is now, or that it would stand before."""

    first: int


@dataclass(frozen=True, slots=True)
class Astray:
    """A hunk without a place: why, and whether that is because what it puts there is there."""

    why: str
    done: bool = False


AMBIGUOUS = "its lines, or those around it, stand in more than one place by now"
MISSING = "its lines, and those around it, were changed since the ticket was pinned"
DONE = "it is in the file already"


class Finder:
    """Finds hunks of a file with the lines `before` and `after` in a document with the lines `now`."""

    def __init__(self, before: Sequence[str], after: Sequence[str], now: Sequence[str]) -> None:
        self._old, self._new, self._now = (_Lines(lines) for lines in (before, after, now))

    def place(self, hunk: Hunk) -> Standing | Astray:
        """Return where a hunk stands, or why that cannot be told."""
        odd = _odd(hunk)
        if odd:
            return Astray(odd)
        several, gone = False, not hunk.after.lines
        for context in range(CONTEXT_LINES, -1, -1):
            found = self._old.seek(hunk.before, self._now, context)
            done = self._new.seek(hunk.after, self._now, context, edges=gone)
            # Around lines that are only added, the same stands before and after: then what stands there with them tells more.
            if done and not (found and hunk.before.lines):
                return Astray(DONE, done=True)
            if found:
                return Standing(found)
            several = several or found == _SEVERAL
        return Astray(AMBIGUOUS if several else MISSING)


def bare(line: str) -> str:
    """Return a line as an editor has it: the carriage return of its end is none of its characters."""
    return line.removesuffix("\r")


def _odd(hunk: Hunk) -> str:
    """Return why no editor could make a hunk as it is, "" where one can."""
    lines = [bare(line) for line in (*hunk.before.lines, *hunk.after.lines)]
    if any("\ufffd" in line for line in lines):
        return "its lines are no UTF-8"
    if any("\r" in line for line in lines):
        return "its lines hold carriage returns"
    if [*map(bare, hunk.before.lines)] == [*map(bare, hunk.after.lines)]:
        return "it changes nothing but line ends"
    return ""


class _Lines:
    """Lines between two edges, and where each stands: documents are long, and every keystroke makes a new one."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = [_EDGE, *map(bare, lines), _EDGE]
        self._where: dict[str, list[int]] = {}
        for at, line in enumerate(self._lines):
            self._where.setdefault(line, []).append(at)

    def seek(self, side: Side, now: _Lines, context: int, *, edges: bool = False) -> int | None:
        """Return the line (from 1) on which a side begins in `now`; `_SEVERAL` where several could be meant, None where none could.

        Where the text begins and ends counts as a line with `edges`, and where nothing else tells enough: it is in the way of
        who writes more there.
        """
        start = max(1, side.first - context)
        pattern = self._lines[start : min(len(self._lines) - 1, side.last + 1 + context)]
        if edges or not _tells(pattern):
            start = max(0, side.first - context)
            pattern = self._lines[start : side.last + 1 + context]
        if not _tells(pattern):
            return None
        here, there = self._occurrences(pattern), now._occurrences(pattern)
        if len(here) != len(there):
            return _SEVERAL if there else None
        return there[here.index(start)] + side.first - start

    def _occurrences(self, pattern: list[str]) -> list[int]:
        # By the line that stands in the fewest places.
        rare = min(range(len(pattern)), key=lambda at: len(self._where.get(pattern[at], ())))
        starts = (at - rare for at in self._where.get(pattern[rare], ()) if at >= rare)
        return [start for start in starts if self._lines[start : start + len(pattern)] == pattern]


def _tells(pattern: Sequence[str]) -> bool:
    told = sum(_TELLING if line == _EDGE else sum(map(str.isalnum, line)) for line in pattern)
    return told >= _TELLING
