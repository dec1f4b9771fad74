"""A document's text: its lines as the protocol cuts them, positions in characters and in a server's units, edits."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from verifier.language.diagnostic import Position, Span, TextEdit

_LINE_END = re.compile(r"\r\n|\n|\r")
_ASTRAL = 0x10000


class Encoding(StrEnum):
    """In which units a server counts columns."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


@dataclass(frozen=True, slots=True)
class Units:
    """A position on the wire: line from 0, units of the line before it."""

    line: int
    units: int


class Text:
    """A text cut into lines at `\\n`, `\\r\\n` and `\\r` alone, as the protocol does (Python's `splitlines` cuts at more)."""

    def __init__(self, text: str) -> None:
        self.text = text
        ends = _ends(text)
        self._starts = [0, *(end for _, end in ends)]
        self._stops = [*(start for start, _ in ends), len(text)]

    def lines(self) -> list[str]:
        """Return the lines without their ends."""
        return [self.text[start:stop] for start, stop in zip(self._starts, self._stops, strict=True)]

    def offset(self, position: Position) -> int:
        """Return the index into the text; a position past its line or past the text is moved back to the end of it."""
        if position.line > len(self._starts):
            return len(self.text)
        start, stop = self._bounds(position.line - 1)
        return min(start + max(position.column, 0), stop)

    def position(self, offset: int) -> Position:
        """Return the position of an index into the text."""
        line = bisect_right(self._starts, offset) - 1
        return Position(line + 1, offset - self._starts[line])

    def from_units(self, at: Units, encoding: Encoding) -> Position:
        """Read a server's position; one in the midst of a character is moved to its start, one past the end to the end."""
        if at.line >= len(self._starts):
            return self.position(len(self.text))
        start, stop = self._bounds(at.line)
        return Position(max(at.line, 0) + 1, _characters(self.text[start:stop], at.units, encoding))

    def to_units(self, position: Position, encoding: Encoding) -> Units:
        """Return the position as a server counts it."""
        offset = self.offset(position)
        line = bisect_right(self._starts, offset) - 1
        return Units(line, width(self.text[self._starts[line] : offset], encoding))

    def _bounds(self, line: int) -> tuple[int, int]:
        line = max(line, 0)
        return self._starts[line], self._stops[line]


def _ends(text: str) -> list[tuple[int, int]]:
    """Return where the line ends of a text begin and end."""
    if "\r" in text:
        return [match.span() for match in _LINE_END.finditer(text)]
    # Most texts are so, and each is cut at every edit.
    widths = accumulate(len(line) + 1 for line in text.split("\n"))
    return [(after - 1, after) for after in widths][:-1]


def width(text: str, encoding: Encoding) -> int:
    """Return how many units a piece of text takes."""
    if encoding is Encoding.UTF32 or text.isascii():
        return len(text)
    if encoding is Encoding.UTF8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum(1 for character in text if ord(character) >= _ASTRAL)


def _characters(line: str, units: int, encoding: Encoding) -> int:
    if encoding is Encoding.UTF32 or line.isascii():
        return min(max(units, 0), len(line))
    passed = 0
    for index, character in enumerate(line):
        passed += width(character, encoding)
        if passed > units:
            return index
    return len(line)


def changed(old: Text, after: str) -> TextEdit | None:
    """Return the one edit that makes `after` of a text, as small as a prefix and a suffix let it be; None where they are equal."""
    before = old.text
    if before == after:
        return None
    most = min(len(before), len(after))
    start = _common(before, after, most)
    end = _common(before[::-1], after[::-1], most - start)
    # A pair of carriage return and newline is one line end: an edit must not begin or end within one.
    if start and before[start - 1] == "\r" and "\n" in (before[start : start + 1], after[start : start + 1]):
        start -= 1
    last, new_last = len(before) - end, len(after) - end
    if end and before[last] == "\n" and "\r" in (before[last - 1 : last], after[new_last - 1 : new_last]):
        last, new_last = last + 1, new_last + 1
    return TextEdit(Span(old.position(start), old.position(last)), after[start:new_last])


def _common(one: str, other: str, most: int) -> int:
    """Return how many leading characters two texts share, at most `most`."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def apply_edits(text: str, edits: Iterable[TextEdit]) -> str:
    """Return the text with all edits made at once. Raises `ValueError` where two overlap."""
    document = Text(text)
    spans = [(document.offset(edit.span.start), document.offset(edit.span.end), edit.text) for edit in edits]
    pieces: list[str] = []
    done = 0
    # Sorting is stable: insertions at one place stay in the order in which they were given.
    for start, end, new in sorted(spans, key=lambda span: span[:2]):
        if start < done or end < start:
            raise ValueError(f"edits overlap, or end before they start, at {document.position(start)}")
        pieces += (text[done:start], new)
        done = end
    return "".join([*pieces, text[done:]])
