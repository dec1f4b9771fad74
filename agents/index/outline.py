"""The outline of a file: what it defines and on which lines; and the cutting of a file into chunks along it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MOST_LINES = 60
"""Lines beyond which a definition is cut into those it holds, or at blank lines."""
_LEAST_LINES = 15
"""Lines up to which neighbours in one definition share a chunk."""


@dataclass(frozen=True, slots=True)
class Definition:
    """Something defined on lines `first` to `last` (from 1, inclusive), and what is defined inside it."""

    name: str
    first: int
    last: int
    inner: tuple[Definition, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines `first` to `last` (from 1, inclusive) that belong together; `names` are defined there, `within` encloses them."""

    first: int
    last: int
    names: tuple[str, ...] = ()
    within: str = ""


def cut(lines: Sequence[str], outline: Iterable[Definition]) -> list[Chunk]:
    """Cut a file into chunks along its outline; each line that is not blank lies in exactly one."""
    pieces = _pieces(lines, 1, len(lines), tuple(outline), "")
    return [chunk for chunk in _merged(pieces) if any(line.strip() for line in lines[chunk.first - 1 : chunk.last])]


def blocks(lines: Sequence[str], first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the line ranges of at most so many lines that part a range, at a blank line wherever there is one."""
    start = first
    while last - start >= MOST_LINES:
        end = start + MOST_LINES - 1
        blank = next((at for at in range(end, start + _LEAST_LINES, -1) if not lines[at - 1].strip()), end)
        yield start, blank
        start = blank + 1
    yield start, last


def _pieces(
    lines: Sequence[str], first: int, last: int, outline: tuple[Definition, ...], within: str
) -> Iterator[Chunk]:
    at = first
    for definition in sorted(outline, key=lambda each: each.first):
        begin, end = max(definition.first, at), min(definition.last, last)
        if begin > end:
            # Beside another on one line, or beyond what holds it: a syntax tree of broken text may say so.
            continue
        if at < begin:
            yield from (Chunk(*block, (), within) for block in blocks(lines, at, begin - 1))
        name = f"{within}.{definition.name}" if within else definition.name
        if end - begin < MOST_LINES:
            yield Chunk(begin, end, tuple(_names(definition)), within)
        elif definition.inner:
            yield from _headed(_pieces(lines, begin, end, definition.inner, name), definition.name)
        else:
            yield from (Chunk(*block, (definition.name,), within) for block in blocks(lines, begin, end))
        at = end + 1
    if at <= last:
        yield from (Chunk(*block, (), within) for block in blocks(lines, at, last))


def _headed(pieces: Iterator[Chunk], name: str) -> Iterator[Chunk]:
    """Yield the pieces of a definition, the first of which is where it is defined."""
    for chunk in pieces:
        yield Chunk(chunk.first, chunk.last, (name, *chunk.names), chunk.within)
        break
    yield from pieces


def _names(definition: Definition) -> Iterator[str]:
    yield definition.name
    for inner in definition.inner:
        yield from _names(inner)


def _merged(pieces: Iterable[Chunk]) -> Iterator[Chunk]:
    held: Chunk | None = None
    for piece in pieces:
        if held and held.within == piece.within and piece.last - held.first < _LEAST_LINES:
            held = Chunk(held.first, piece.last, held.names + piece.names, held.within)
            continue
        if held:
            yield held
        held = piece
    if held:
        yield held
