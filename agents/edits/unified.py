"""Unified diffs. Counts are not believed and line numbers only decide between equal places: models get both wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.edits.edit import Edit, Move, Remove, Replace, Unclear, Whole

_HUNK = re.compile(r"@@(?: -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@.*|.*)")
_GIT = re.compile(r"diff --git (\S+) (\S+)")
_NONE = "/dev/null"
_FENCE = re.compile(r"\s*(?:`{3,}|~{3,}).*")
_NO_NEWLINE = "\\ No newline"


@dataclass(slots=True)
class _Hunk:
    line: int | None
    search: list[str] = field(default_factory=list)
    replace: list[str] = field(default_factory=list)
    bare: set[str] = field(default_factory=set)
    """Which sides are said to end without a newline."""
    last: str = " "


@dataclass(slots=True)
class _File:
    old: str = ""
    new: str = ""
    hunks: list[_Hunk] = field(default_factory=list)
    gone: bool = False
    made: bool = False


def begins(lines: Sequence[str], at: int) -> bool:
    """Say whether the two lines that name a diff's files stand at a place."""
    return at + 1 < len(lines) and lines[at].startswith("--- ") and lines[at + 1].startswith("+++ ")


def parse_unified(lines: Sequence[str]) -> list[Edit]:
    """Return a diff's edits, hunk by hunk; renamed, new and removed files as git tells of them."""
    edits: list[Edit] = []
    for file in _files(lines):
        edits += _edits(file)
    return edits


def _files(lines: Sequence[str]) -> list[_File]:
    files: list[_File] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if git := _GIT.fullmatch(line):
            files.append(_File(_bare(git[1], "a/"), _bare(git[2], "b/")))
        elif begins(lines, at):
            if not files or files[-1].hunks or not lines[max(at - 8, 0) : at] or not _headed(lines, at):
                files.append(_File())
            _named(files[-1], line[4:], lines[at + 1][4:])
            at += 1
        elif files:
            at = _rest(files[-1], lines, at)
        at += 1
    return files


def _headed(lines: Sequence[str], at: int) -> bool:
    return any(_GIT.fullmatch(line) for line in lines[max(at - 8, 0) : at])


def _named(file: _File, old: str, new: str) -> None:
    old, new = old.split("\t")[0].strip(), new.split("\t")[0].strip()
    file.made, file.gone = file.made or old == _NONE, file.gone or new == _NONE
    both = {old, new} - {_NONE}
    prefixed = old.startswith(("a/", _NONE)) and new.startswith(("b/", _NONE)) and bool(both)
    file.old = _bare(old, "a/") if prefixed else old
    file.new = _bare(new, "b/") if prefixed else new


def _bare(path: str, prefix: str) -> str:
    return path.strip('"').removeprefix(prefix)


def _rest(file: _File, lines: Sequence[str], at: int) -> int:
    """Take what a file's part says at a line; return the last line taken."""
    line = lines[at]
    if line.startswith("@@") and (head := _HUNK.fullmatch(line)):
        hunk = _Hunk(int(head[1]) if head[1] else None)
        file.hunks.append(hunk)
        while at + 1 < len(lines) and _body(hunk, lines, at + 1):
            at += 1
    elif line.startswith("rename from "):
        file.old = line.removeprefix("rename from ").strip()
    elif line.startswith("rename to "):
        file.new = line.removeprefix("rename to ").strip()
    elif line.startswith("new file mode"):
        file.made = True
    elif line.startswith("deleted file mode"):
        file.gone = True
    elif line.startswith(("Binary files", "GIT binary patch")):
        raise Unclear(f"the diff of {file.new or file.old} is binary, which cannot be applied")
    return at


def _body(hunk: _Hunk, lines: Sequence[str], at: int) -> bool:
    """Take one line of a hunk's body; say whether it was one."""
    line = lines[at]
    if line.startswith(_NO_NEWLINE):
        hunk.bare.update({"-": ("old",), "+": ("new",)}.get(hunk.last, ("old", "new")))
        return True
    if (
        line.startswith(("@@", "diff --git "))
        or begins(lines, at)
        or _FENCE.fullmatch(line)
        or line[:1] not in (" ", "-", "+", "")
    ):
        return False
    hunk.last = line[:1] or " "
    if hunk.last != "+":
        hunk.search.append(line[1:])
    if hunk.last != "-":
        hunk.replace.append(line[1:])
    return True


def _edits(file: _File) -> list[Edit]:
    if file.gone:
        return [Remove(file.old)]
    if file.made:
        return [Whole(file.new, tuple(line for hunk in file.hunks for line in hunk.replace), new=True)]
    edits: list[Edit] = []
    for hunk in file.hunks:
        while hunk.search and hunk.replace and not hunk.search[-1] and not hunk.replace[-1]:
            hunk.search.pop()
            hunk.replace.pop()
        newline = ("new" not in hunk.bare) if len(hunk.bare) == 1 else None
        edits.append(Replace(file.old, tuple(hunk.search), tuple(hunk.replace), line=hunk.line, final_newline=newline))
    return [*edits, Move(file.old, file.new)] if file.new != file.old else edits
