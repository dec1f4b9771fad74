"""Search/replace blocks, as aider has them: a path, a fence, SEARCH, a divider, REPLACE."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.edits.edit import Edit, Replace, Unclear, Whole

HEAD = re.compile(r"\s*<{5,9} ?(?:SEARCH|ORIGINAL|HEAD)\b>?:?\s*(?P<path>\S+)?\s*")
_DIVIDER = re.compile(r"\s*={5,9}\s*")
_TAIL = re.compile(r"\s*>{5,9} ?(?:REPLACE|UPDATED)\b.*")
_DECORATION = re.compile(r"^(?:#{1,6}\s+|[-*]\s+|//\s*)?(?:(?:File|Path|Filename):\s*)?|:$", re.IGNORECASE)
_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})(.*)")
_ABOVE = 3
"""How many lines above a block its path may stand."""


def parse_blocks(lines: Sequence[str], default: str | None = None) -> list[Edit]:
    """Return the blocks' edits; a block with no path above it is for the path of the one before, or for `default`."""
    edits: list[Edit] = []
    path, at = default, 0
    while at < len(lines):
        head = HEAD.fullmatch(lines[at])
        if not head:
            at += 1
            continue
        path = head["path"] or _path_above(lines, at) or path
        if not path:
            raise Unclear(f"the SEARCH block in line {at + 1} of the reply has no path above it")
        search, replace, at = _block(lines, at)
        edits.append(Replace(path, search, replace) if search else Whole(path, replace, new=True))
    return edits


def path_in(line: str) -> str | None:
    """Return the path that a line of a reply consists of, its decoration left out."""
    fence = _FENCE.fullmatch(line)
    text = fence[1].strip().rpartition(" ")[2] if fence else line
    bare = _DECORATION.sub("", text.strip().strip("*`")).strip().strip("*`:")
    named = "." in bare or "/" in bare or (not fence and bare in ("Makefile", "Dockerfile", "LICENSE"))
    return bare if bare and " " not in bare and named and not bare.endswith(".") else None


def _path_above(lines: Sequence[str], at: int) -> str | None:
    for line in reversed(lines[max(at - _ABOVE, 0) : at]):
        if _TAIL.fullmatch(line):
            return None
        if found := path_in(line):
            return found
        if line.strip() and not _FENCE.fullmatch(line):
            return None
    return None


def _block(lines: Sequence[str], start: int) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    ends = next((at for at in range(start + 1, len(lines)) if _TAIL.fullmatch(lines[at])), None)
    if ends is None or any(HEAD.fullmatch(line) for line in lines[start + 1 : ends]):
        raise Unclear(
            f"the SEARCH block in line {start + 1} of the reply has no end; was the reply cut? Send it again, whole"
        )
    dividers = [at for at in range(start + 1, ends) if _DIVIDER.fullmatch(lines[at])]
    exact = [at for at in dividers if lines[at] == "======="]
    dividers = exact or dividers
    if len(dividers) != 1:
        many = "several dividers" if dividers else "no divider"
        raise Unclear(
            f"the SEARCH block in line {start + 1} of the reply has {many} (=======); one must stand between both parts"
        )
    return tuple(lines[start + 1 : dividers[0]]), tuple(lines[dividers[0] + 1 : ends]), ends + 1
