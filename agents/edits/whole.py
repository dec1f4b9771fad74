"""Whole files: each in a fence, its path in the line above the fence or after the fence's language."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.edits.blocks import path_in
from agents.edits.edit import Edit, Unclear, Whole

_OPEN = re.compile(r"(`{3,}|~{3,})\s*([^`]*)")
_INFO_PATH = re.compile(r"(?:\S+\s+)?(?:path=|title=|file=)?[\"']?([^\s\"'=]+)[\"']?")


def parse_whole(lines: Sequence[str], default: str | None = None) -> list[Edit]:
    """Return the fences that have a path; the only fence of a reply that names none is for `default`."""
    fences = _fences(lines)
    named: list[Edit] = [Whole(path, body) for path, body in fences if path]
    if not named and default and len(fences) == 1:
        return [Whole(default, fences[0][1])]
    return named


def _fences(lines: Sequence[str]) -> list[tuple[str | None, tuple[str, ...]]]:
    found: list[tuple[str | None, tuple[str, ...]]] = []
    at = 0
    while at < len(lines):
        opened = _OPEN.fullmatch(lines[at])
        if opened is None:
            at += 1
            continue
        end = next((n for n in range(at + 1, len(lines)) if _closes(lines[n], opened[1])), None)
        if end is None:
            raise Unclear(
                f"the fence in line {at + 1} of the reply is not closed; was the reply cut? Send it again, whole"
            )
        found.append((_path(lines, at, opened[2]), tuple(lines[at + 1 : end])))
        at = end + 1
    return found


def _closes(line: str, fence: str) -> bool:
    text = line.rstrip()
    return len(text) >= len(fence) and set(text) == {fence[0]}


def _path(lines: Sequence[str], at: int, info: str) -> str | None:
    named = _INFO_PATH.fullmatch(info.strip()) if info.strip() else None
    if named and ("." in named[1] or "/" in named[1]):
        return named[1]
    above = next((line for line in reversed(lines[max(at - 2, 0) : at]) if line.strip()), "")
    return None if _OPEN.fullmatch(above) else path_in(above)
