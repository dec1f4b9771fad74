"""Placing one replacement: the ladder of matches, the choice between several, the merge; or a refusal that quotes the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from agents.edits.edit import How, Placed, Replace, Unclear
from agents.edits.loose import windows
from agents.edits.match import Lines, Match, block_end, elided, exact
from agents.edits.merge import merge
from agents.edits.text import Splice
from agents.edits.trust import Trust, doubt

_QUOTED = 14
_WIDE = 200
_LAZY = re.compile(
    r"\s*(?:#|//|/\*|--|<!--|\{/\*)\s*(?:\.\.\.|…)\s*.*|"
    r"\s*(?:#|//|/\*|--|<!--|\{/\*)\s*(?:rest of|existing|remaining|other|unchanged)\b[^.]*(?:\.\.\.|…).*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be done to a file for one replacement, and where."""

    splices: tuple[Splice, ...]
    placed: Placed


def place(edit: Replace, lines: Sequence[str], trust: Trust) -> Found:
    """Find where a replacement belongs in the lines of its file; raise `Unclear`, quoting the file, when that is not sure."""
    real = Lines(edit.path, lines)
    complete(edit.search, edit.replace)
    if not any(line.strip() for line in edit.search):
        return _blank(edit, real)
    found = exact(edit.search, real) or elided(edit.search, real)
    return _strict(edit, found, real) if found else _loose(edit, real, trust)


def complete(known: Sequence[str], lines: Sequence[str]) -> None:
    """Raise `Unclear` for a comment that stands for lines left out and was not there before."""
    for line in lines:
        if _LAZY.fullmatch(line) and line.strip() not in {each.strip() for each in known}:
            raise Unclear(f"{line.strip()!r} would be written as it is; write out the lines it stands for")


def quoted(real: Lines, first: int, last: int) -> str:
    """Return real lines with path and numbers, cut where they are many or long."""
    last = min(last, first + _QUOTED - 1, len(real.lines) - 1)
    head = f"{real.path}, lines {first + 1} to {last + 1}:" if last > first else f"{real.path}, line {first + 1}:"
    return "\n".join([head, *(f"{at + 1}| {real.lines[at][:_WIDE]}" for at in range(first, last + 1))])


def _strict(edit: Replace, found: Sequence[Match], real: Lines) -> Found:
    chosen = _hinted(edit, found, real) if len(found) > 1 else found
    made = {tuple(merge(edit.search, edit.replace, each, real)): each for each in chosen}
    if len(made) > 1:
        at = ", ".join(str(each.first + 1) for each in found[:6])
        raise Unclear(
            f"the SEARCH lines stand at {len(found)} places (lines {at}); add lines around the one you mean.\n"
            + "\n".join(quoted(real, max(each.first - 2, 0), each.last + 1) for each in found[:2])
        )
    splices, match = next(iter(made.items()))
    return Found(splices, Placed(edit.path, match.first + 1, match.last + 1, match.how))


def _hinted(edit: Replace, found: Sequence[Match], real: Lines) -> Sequence[Match]:
    """Return those of several places that the edit's own hints single out; all of them where the hints do not."""
    if edit.at_end and (ending := [each for each in found if each.last == len(real.lines) - 1]):
        return ending
    if edit.under and (under := _under(edit.under, found, real)):
        return under
    if edit.line is not None and (
        said := [each for each in found if each.first == edit.line - 1 and each.how is How.EXACT]
    ):
        return said
    return found


def _under(heads: Sequence[str], found: Sequence[Match], real: Lines) -> list[Match]:
    """Return the places in the block that the heads lead to, each head being the only such line in the block before it."""
    first, last = 0, len(real.lines)
    for head in heads:
        there = [at for at in real.places.get("".join(head.split()), []) if first <= at < last]
        if len(there) != 1:
            return []
        first, last = there[0], block_end(there[0], real)
    return [each for each in found if first <= each.first and each.last <= last]


def _loose(edit: Replace, real: Lines, trust: Trust) -> Found:
    near = windows(edit.search, real)
    if not near:
        raise Unclear(f"none of the SEARCH lines is in {edit.path}{_already(edit, real)}.{_nearest(edit.search, real)}")
    best = near[0]
    margin = best.match.score - (near[1].match.score if len(near) > 1 else 0.0)
    why = doubt(edit.search, edit.replace, near, real, trust)
    closest = f"Closest is {quoted(real, best.match.first, best.match.last)}"
    if why:
        raise Unclear(f"{why}{_already(edit, real)}. {closest}")
    try:
        splices = tuple(merge(edit.search, edit.replace, best.match, real))
    except Unclear as error:
        raise Unclear(f"{error}. {closest}") from error
    match = best.match
    return Found(splices, Placed(edit.path, match.first + 1, match.last + 1, match.how, match.score, margin))


def _already(edit: Replace, real: Lines) -> str:
    done = exact(edit.replace, real) if any(line.strip() for line in edit.replace) else []
    return f" (the REPLACE lines are there already, from line {done[0].first + 1})" if len(done) == 1 else ""


def _nearest(search: Sequence[str], real: Lines) -> str:
    longest = max(search, key=lambda line: len(line.strip()))[:_WIDE]
    near = process.extractOne(longest, [line[:_WIDE] for line in real.lines], scorer=fuzz.ratio, score_cutoff=40)
    return f" Closest is {quoted(real, max(near[2] - 2, 0), near[2] + 2)}" if near else ""


def _blank(edit: Replace, real: Lines) -> Found:
    """Place what has no line to be searched for: at the end where the edit says so, or in a file that has nothing."""
    if edit.search or not (edit.at_end or not real.solid):
        raise Unclear(f"the SEARCH part is empty, but {edit.path} is not; copy into it the lines to be replaced")
    end = len(real.lines)
    return Found((Splice(end, end, edit.replace),), Placed(edit.path, end + 1, end + 1, How.NAMED))
