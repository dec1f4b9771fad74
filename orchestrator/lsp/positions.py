"""Positions: columns as a client counts them, in units of the encoding that was agreed on, and as we do, in characters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from verifier import Position, Text

_FAR = 1 << 31
_ASTRAL = 0x10000


class Encoding(StrEnum):
    """In which units a client counts columns."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


@dataclass(frozen=True, slots=True, order=True)
class At:
    """A place as it is sent: line from 0, units of the line before it."""

    line: int
    units: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """From a place up to another, as it is sent."""

    start: At
    end: At


def to_units(text: Text, position: Position, encoding: Encoding) -> At:
    """Return a position as the client counts it; one past its line's end or the text's is moved back there."""
    offset = text.offset(position)
    at = text.position(offset)
    return At(at.line - 1, width(text.text[offset - at.column : offset], encoding))


def from_units(text: Text, at: At, encoding: Encoding) -> Position:
    """Read a client's place; one in the midst of a character is moved to its start, one past a line's end or the text's to there."""
    number = max(at.line, 0) + 1
    start, stop = text.offset(Position(number, 0)), text.offset(Position(number, _FAR))
    if text.position(start).line != number:
        return text.position(len(text.text))
    return Position(number, _characters(text.text[start:stop], at.units, encoding))


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
