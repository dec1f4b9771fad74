"""What the last commits changed: its lines are more suspicious, and a change of a few lines is offered undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import NamedTuple

from agents.agent import Workspace
from agents.repair.hints import MOST_TEXT, UNDONE, Hints, Offer
from agents.repair.localise import Lines
from agents.repair.source import Skipped, Source, Splice, read_source
from agents.repair.variants import Module
from shadowfs import RepoPath

_MOST_FILES = 5
_MOST_COMPARED = 3_000
"""Lines that differ between two texts of a file; beyond that it was written anew, and its lines tell nothing."""
_MOST_UNDONE = 12
"""Lines of a change that is offered undone, before it and after it."""
_BY_AGE = (1.0, 1.0, 0.7, 0.5)
"""How much a change counts: what is not committed yet, the last commit's, that of the one before …"""
_RAISED = 0.25


def recent(workspace: Workspace, modules: Mapping[RepoPath, Module], lines: Lines) -> Hints:
    """Return which suspicious lines changed lately, and those changes undone; nothing where no history is known."""
    hints = Hints()
    for path, module in list(modules.items())[:_MOST_FILES]:
        texts = workspace.earlier(path)[: len(_BY_AGE)] if module.source.native else ()
        hints += _hints(module.source, texts, {line: score for (where, line), score in lines.items() if where == path})
    return hints


def _hints(source: Source, texts: Sequence[bytes], lines: Mapping[int, float]) -> Hints:
    raised: dict[int, float] = {}
    offers: dict[Splice, Offer] = {}
    bounds = (*source.starts, len(source.utf8))
    for age, start, end, before in _changes(source, texts):
        # What only took lines away is looked for beside the gap.
        near = range(start + 1, end + 1) if start < end else range(start, start + 2)
        suspicious = [line for line in near if line in lines]
        for line in suspicious:
            raised.setdefault(line, round(1.0 + _RAISED * _BY_AGE[age], 4))
        small = max(end - start, len(before)) <= _MOST_UNDONE and sum(map(len, before)) <= MOST_TEXT
        if suspicious and small:
            line = max(suspicious, key=lambda line: (lines[line], -line))
            splice = Splice(bounds[start], bounds[end], b"".join(before).decode())
            offers.setdefault(splice, Offer(source.path, line, UNDONE, _BY_AGE[age], (splice,)))
    return Hints(tuple((source.path, *each) for each in sorted(raised.items())), tuple(offers.values()))


def _changes(source: Source, texts: Sequence[bytes]) -> Iterator[tuple[int, int, int, list[bytes]]]:
    """Yield how old a change is, where its lines are by now (from 0, up to an end), and the lines that it replaced.

    Changes whose lines have changed again are left out: what would be undone is not theirs alone.
    """
    present = newer = _lines(source)
    for age, data in enumerate(texts):
        old = read_source(source.path, data)
        if isinstance(old, Skipped):
            return
        older = _lines(old)
        kept = [block for block in _blocks(newer, present) if block.equal]
        for block in _blocks(older, newer):
            home = next((each for each in kept if each.i1 <= block.j1 and block.j2 <= each.i2), None)
            if home is not None and not block.equal:
                moved = home.j1 - home.i1
                yield age, block.j1 + moved, block.j2 + moved, older[block.i1 : block.i2]
        newer = older


class _Block(NamedTuple):
    """Lines `i1` to `i2` of one text, which are lines `j1` to `j2` of another or became them."""

    equal: bool
    i1: int
    i2: int
    j1: int
    j2: int


def _blocks(old: list[bytes], new: list[bytes]) -> Iterator[_Block]:
    """Yield which lines are in both texts and which differ, without a middle that is too long to be compared."""
    head = _shared(old, new)
    tail = _shared(old[head:][::-1], new[head:][::-1])
    i2, j2 = len(old) - tail, len(new) - tail
    yield _Block(True, 0, head, 0, head)
    if max(i2, j2) - head <= _MOST_COMPARED:
        # Lines that are everywhere are passed over in long texts: they would make it slow, and that is what a hostile text is for.
        middle = SequenceMatcher(None, old[head:i2], new[head:j2])
        for tag, *at in middle.get_opcodes():
            yield _Block(tag == "equal", *(head + each for each in at))
    yield _Block(True, i2, len(old), j2, len(new))


def _lines(source: Source) -> list[bytes]:
    bounds = (*source.starts, len(source.utf8))
    return [source.utf8[start:end] for start, end in pairwise(bounds)]


def _shared(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    """Return how many first lines two texts share."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (mine, theirs) in pairs if mine != theirs), min(len(one), len(other)))
