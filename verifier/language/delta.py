"""What an edit introduced: the findings after it that were not there before, matched through lines that moved."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from shadowfs import RepoPath
from verifier.language.diagnostic import Diagnostic
from verifier.language.text import Text

_PLACE = re.compile(r"\b(?:on |at )?lines? \d+|:\d+(?::\d+)?\b")
"""Places named in a message: they move with the lines, and do not make a finding another one."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A file as it was checked: its text, and what was found in it."""

    text: str
    found: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Delta:
    """What an edit introduced, and what it resolved."""

    introduced: tuple[Diagnostic, ...]
    resolved: tuple[Diagnostic, ...]


Side = Mapping[RepoPath, Checked]
_Key = tuple[str, str, int, str]


def introduced(before: Side, after: Side) -> Delta:
    """Compare the findings of two sides of an edit; a file that one side lacks does not exist there.

    A finding is an old one if the same code, severity and message was said of the line that its line comes from; or of a line
    of the block that was rewritten into the block its line stands in; or of a line with the very same text, which
    moved, into another file of the edit perhaps. Each old finding accounts for one new one.
    """
    old, new = list(_placed(before)), list(_placed(after))
    for moved in (_within(before, after), _same_line):
        old, new = _unmatched(old, new, moved)
    return Delta(tuple(each.said for each in new), tuple(each.said for each in old))


@dataclass(frozen=True, slots=True)
class _Placed:
    """A finding, and the text of the line that it begins on."""

    said: Diagnostic
    line: str

    @property
    def key(self) -> _Key:
        said = self.said
        return said.source, said.code, said.severity, _PLACE.sub("", said.message)


def _placed(side: Side) -> Iterator[_Placed]:
    for checked in side.values():
        lines = Text(checked.text).lines()
        for said in checked.found:
            at = said.span.start.line - 1
            yield _Placed(said, lines[at].strip() if at < len(lines) else "")


_Moved = Callable[[_Placed, _Placed], bool]


def _unmatched(old: Iterable[_Placed], new: Iterable[_Placed], moved: _Moved) -> tuple[list[_Placed], list[_Placed]]:
    """Return what is left of both sides when pairs that `moved` joins are taken away."""
    waiting: dict[_Key, list[_Placed]] = defaultdict(list)
    for each in old:
        waiting[each.key].append(each)
    left = []
    for each in new:
        candidates = waiting[each.key]
        match = next((index for index, other in enumerate(candidates) if moved(other, each)), None)
        if match is None:
            left.append(each)
        else:
            del candidates[match]
    return [each for each_key in waiting.values() for each in each_key], left


def _same_line(old: _Placed, new: _Placed) -> bool:
    return old.line == new.line


def _within(before: Side, after: Side) -> _Moved:
    maps = {path: LineMap(before[path].text, after[path].text) for path in before if path in after}

    def moved(old: _Placed, new: _Placed) -> bool:
        path = new.said.path
        if old.said.path != path or path not in maps:
            return False
        low, high = maps[path].lines(old.said.span.start.line)
        return low <= new.said.span.start.line < high

    return moved


class LineMap:
    """Where the lines of one text are in another."""

    def __init__(self, before: str, after: str) -> None:
        old, new = Text(before).lines(), Text(after).lines()
        head = _shared(old, new)
        tail = _shared(old[head:][::-1], new[head:][::-1])
        middle = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
        self._blocks = [
            (0, True, 0, head),
            *((head + i1, tag == "equal", head + j1, head + j2) for tag, i1, _, j1, j2 in middle.get_opcodes()),
            (len(old) - tail, True, len(new) - tail, len(new)),
        ]
        self._starts = [start for start, *_ in self._blocks]

    def lines(self, line: int) -> tuple[int, int]:
        """Return the first line, and the line after the last, that line `line` became: itself where it stayed, else its block."""
        start, kept, first, last = self._blocks[bisect_right(self._starts, line - 1) - 1]
        if kept:
            at = first + line - start
            return at, at + 1
        return first + 1, last + 1


def _shared(one: list[str], other: list[str]) -> int:
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count
