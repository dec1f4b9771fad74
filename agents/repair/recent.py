"""What the last commits changed: its lines are more suspicious, and a change of a few lines is offered undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

from agents.agent import Workspace
from agents.repair.hints import UNDONE, Hints, Offer
from agents.repair.localise import Lines
from agents.repair.source import Skipped, Source, Splice, read_source
from agents.repair.variants import Module
from shadowfs import RepoPath

_MOST_FILES = 5
_MOST_COMPARED = 3_000
"""Lines that differ between two texts of a file; beyond that it was written anew, and its lines tell nothing."""
_MOST_UNDONE = 12
"""Lines of a change that is offered undone, before it and after it."""
_BY_AGE = (1.0, 0.7, 0.5)
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
    for weight, data in zip(_BY_AGE, texts, strict=False):
        old = read_source(source.path, data)
        for first, last, splice in () if isinstance(old, Skipped) else _changes(old, source):
            suspicious = [line for line in range(first, last + 1) if line in lines]
            for line in suspicious:
                raised.setdefault(line, round(1.0 + _RAISED * weight, 4))
            small = last - first < _MOST_UNDONE and splice.text.count("\n") <= _MOST_UNDONE
            if suspicious and small:
                line = max(suspicious, key=lambda line: (lines[line], -line))
                offers.setdefault(splice, Offer(source.path, line, UNDONE, weight, (splice,)))
    return Hints(tuple((source.path, *each) for each in sorted(raised.items())), tuple(offers.values()))


def _changes(old: Source, new: Source) -> Iterator[tuple[int, int, Splice]]:
    """Yield what differs: first and last line of the new text, and what undoes it. Lines that went are looked for beside the gap."""
    before, after = _lines(old), _lines(new)
    head = _shared(before, after)
    tail = _shared(before[head:][::-1], after[head:][::-1])
    before, after = before[head : len(before) - tail], after[head : len(after) - tail]
    if max(len(before), len(after)) > _MOST_COMPARED:
        return
    bounds = (*new.starts, len(new.utf8))
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            start, end = head + j1, head + j2
            splice = Splice(bounds[start], bounds[end], b"".join(before[i1:i2]).decode())
            yield (start + 1, end, splice) if start < end else (start, start + 1, splice)


def _lines(source: Source) -> list[bytes]:
    bounds = (*source.starts, len(source.utf8))
    return [source.utf8[start:end] for start, end in pairwise(bounds)]


def _shared(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    return next(
        (at for at, (mine, theirs) in enumerate(zip(one, other, strict=False)) if mine != theirs),
        min(len(one), len(other)),
    )
