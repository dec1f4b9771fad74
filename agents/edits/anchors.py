"""Line-anchored edits: `*** Edit File: PATH`, then Replace, Insert After or Delete with lines as `anchored` names them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from agents.edits.edit import Anchor, Anchored, Edit, Unclear

FILE = re.compile(r"\*\*\* Edit File: (\S(?:.*\S)?)\s*")
_END = re.compile(r"\*\*\* End Edit\s*")
_NAME = r"(\d+):([0-9a-fA-F]{4})"
_CHANGE = re.compile(rf"\*\*\* (Replace|Delete) {_NAME}(?:-{_NAME})?\s*")
_INSERT = re.compile(rf"\*\*\* Insert (?:After {_NAME}|At Start)\s*")


def parse_anchors(lines: Sequence[str]) -> list[Edit]:
    """Return the edits between each `*** Edit File` and its `*** End Edit`."""
    edits: list[Edit] = []
    at = 0
    while at < len(lines):
        head = FILE.fullmatch(lines[at])
        if head:
            end = next((n for n in range(at + 1, len(lines)) if _END.fullmatch(lines[n])), None)
            if end is None:
                raise Unclear(f"the edit of {head[1]} has no *** End Edit; was the reply cut? Send it again, whole")
            edits += _of_file(head[1], lines[at + 1 : end])
            at = end
        at += 1
    return edits


def _of_file(path: str, lines: Sequence[str]) -> list[Edit]:
    heads = [at for at, line in enumerate(lines) if line.startswith("*** ")]
    if stray := next((line for line in lines[: heads[0] if heads else None] if line.strip()), None):
        raise Unclear(f"in the edit of {path}, {stray!r} stands before any *** Replace, *** Insert or *** Delete")
    return [_one(path, lines[at], tuple(lines[at + 1 : end])) for at, end in pairwise([*heads, len(lines)])]


def _one(path: str, head: str, lines: tuple[str, ...]) -> Edit:
    if change := _CHANGE.fullmatch(head):
        first = Anchor(int(change[2]), change[3])
        last = Anchor(int(change[4]), change[5]) if change[4] else first
        if change[1] == "Delete" and any(line.strip() for line in lines):
            raise Unclear(f"in the edit of {path}, lines follow {head!r}; use *** Replace to put lines in")
        return Anchored(path, first, last, () if change[1] == "Delete" else lines)
    if insert := _INSERT.fullmatch(head):
        return Anchored(path, Anchor(int(insert[1]), insert[2]) if insert[1] else None, None, lines)
    raise Unclear(
        f"in the edit of {path}, {head!r} is not understood; write *** Replace 12:ab3f-14:90cc, with the file's own hashes"
    )
