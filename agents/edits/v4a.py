"""V4A patches, as Codex's apply_patch has them: `*** Begin Patch`, sections of files, `@@` for what stands above a place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from agents.edits.edit import Edit, Move, Remove, Replace, Unclear, Whole

SECTION = re.compile(r"\*\*\* (Update|Add|Delete) File: (\S(?:.*\S)?)\s*")
_BEGIN = "*** Begin Patch"
_END = "*** End Patch"
_MOVE = re.compile(r"\*\*\* Move to: (\S(?:.*\S)?)\s*")
_END_OF_FILE = "*** End of File"


@dataclass(slots=True)
class _Hunk:
    under: list[str] = field(default_factory=list)
    search: list[str] = field(default_factory=list)
    replace: list[str] = field(default_factory=list)
    at_end: bool = False


def parse_v4a(lines: Sequence[str]) -> list[Edit]:
    """Return a patch's edits; a move comes after the changes of the file that it moves."""
    stripped = [line.strip() for line in lines]
    if _BEGIN in stripped:
        start = stripped.index(_BEGIN)
        if _END not in stripped[start:]:
            raise Unclear("the patch has no *** End Patch; was the reply cut? Send it again, whole")
        lines = lines[start + 1 : stripped.index(_END, start)]
    heads = [at for at, line in enumerate(lines) if SECTION.fullmatch(line)]
    edits: list[Edit] = []
    for at, end in pairwise([*heads, len(lines)]):
        edits += _section(lines[at], lines[at + 1 : end])
    return edits


def _section(head: str, body: Sequence[str]) -> list[Edit]:
    found = SECTION.fullmatch(head)
    kind, path = (found[1], found[2]) if found else ("", "")
    if kind == "Delete":
        return [Remove(path)]
    if kind == "Add":
        wrong = next((line for line in body if line.strip() and not line.startswith("+")), None)
        if wrong is not None:
            raise Unclear(f"in *** Add File: {path}, each line begins with +; {wrong!r} does not")
        return [Whole(path, tuple(line[1:] for line in body if line.startswith("+")), new=True)]
    moved = _MOVE.fullmatch(body[0]) if body else None
    edits: list[Edit] = [
        Replace(path, tuple(h.search), tuple(h.replace), tuple(h.under), at_end=h.at_end)
        for h in _hunks(path, body[1:] if moved else body)
    ]
    return [*edits, Move(path, moved[1])] if moved else edits


def _hunks(path: str, body: Sequence[str]) -> list[_Hunk]:
    hunks = [_Hunk()]
    for line in body:
        now = hunks[-1]
        begun = bool(now.search or now.replace)
        if line.startswith("@@"):
            if begun:
                hunks.append(now := _Hunk())
            if head := line.removeprefix("@@").strip().removesuffix("@@").strip():
                now.under.append(head)
        elif line.strip() == _END_OF_FILE:
            now.at_end = True
        elif line[:1] in (" ", "-", "") and (begun or line):
            now.search.append(line[1:])
            if line[:1] != "-":
                now.replace.append(line[1:])
        elif line.startswith("+"):
            now.replace.append(line[1:])
        elif line:
            raise Unclear(
                f"in *** Update File: {path}, each line of a hunk begins with a space, - or +; {line!r} does not"
            )
    return [_trimmed(hunk) for hunk in hunks if hunk.search or hunk.replace]


def _trimmed(hunk: _Hunk) -> _Hunk:
    """Drop empty lines at a hunk's end: they stand between sections, not in the file."""
    while hunk.search and hunk.replace and not hunk.search[-1] and not hunk.replace[-1]:
        hunk.search.pop()
        hunk.replace.pop()
    return hunk
