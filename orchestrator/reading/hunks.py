"""Hunks: where the two sides of a file differ, line by line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from rapidfuzz.distance import Indel, Opcode

from orchestrator.reading.records import Hunk, Side, Whole
from shadowfs import Change, RepoPath

MOST_LINES = 50_000
"""A longer file is not compared line by line."""
_DIGITS = 12


def hunks_of(change: Change) -> tuple[list[Hunk], list[Whole]]:
    """Return a change's hunks in the order of its paths, and the files that have none."""
    found: list[Hunk] = []
    whole: list[Whole] = []
    for file in change.files:
        before, after = change.before(file.path), change.after(file.path)
        modes = [entry.mode for entry in (file.before, file.after) if entry is not None]
        why = _why_whole(before, after, modes)
        hunks = [] if why else list(between(file.path, lines(before), lines(after)))
        if not hunks:
            whole.append(
                Whole(file.path, why or "its lines read the same: bytes that are no text differ, or how it ends")
            )
        found += hunks
    return found, whole


def lines(data: bytes | None) -> tuple[str, ...]:
    """Return the lines of a file, without their ends; of one that is not there, none. What is no UTF-8 is replaced."""
    if not data:
        return ()
    text = data.decode("utf-8", "replace")
    return tuple((text[:-1] if text.endswith("\n") else text).split("\n"))


def between(path: RepoPath, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[Hunk]:
    """Yield the hunks between two sides of a file."""
    for tag, b0, b1, a0, a1 in _merged(Indel.opcodes(before, after)):
        if tag != "equal":
            sides = Side(b0 + 1, before[b0:b1]), Side(a0 + 1, after[a0:a1])
            yield Hunk(_id(path, *sides), path, *sides)


def _merged(opcodes: Iterable[Opcode]) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield opcodes, a deletion and an insertion at one place as one."""
    held: tuple[str, int, int, int, int] | None = None
    for each in opcodes:
        opcode = each.tag, each.src_start, each.src_end, each.dest_start, each.dest_end
        if opcode[0] == "equal":
            if held:
                yield held
            held = None
            yield opcode
        elif held:
            held = ("replace", held[1], opcode[2], held[3], opcode[4])
        else:
            held = opcode
    if held:
        yield held


def _id(path: RepoPath, before: Side, after: Side) -> str:
    text = "\0".join([path, str(before.first), *before.lines, "", *after.lines])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def _why_whole(before: bytes | None, after: bytes | None, modes: list[int]) -> str:
    if before == after:
        return "only its mode changed"
    if any(mode not in (0o100644, 0o100755) for mode in modes):
        return "it is no plain file"
    sides = [data for data in (before, after) if data is not None]
    if any(b"\0" in data for data in sides):
        return "it is binary"
    if any(data.count(b"\n") > MOST_LINES for data in sides):
        return f"it has more than {MOST_LINES:,} lines"
    return ""
