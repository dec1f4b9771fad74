"""Whether a place that is only alike is the one that was meant: sure enough to edit, or a reason not to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.edits.alike import Likeness, code, defines, within_heads, words
from agents.edits.loose import Window
from agents.edits.match import Lines
from agents.edits.merge import touched

_ALMOST = 0.15
"""What slips alone take from a place's score."""


@dataclass(frozen=True, slots=True)
class Trust:
    """How sure a place must be. Tuned on the benchmark's development seed; shares and scores from 0 to 1."""

    least_score: float = 0.55
    least_margin: float = 0.05
    """Below the score of the best, for any place."""
    least_margin_sure: float = 0.2
    """Below the score of the best, for a place that would be sure enough by itself."""
    gone: int = 1
    """Lines of context that may be gone, or have one word renamed throughout the file."""
    lines: int = 3
    """Lines of code that must be the same, or all where there are fewer and nothing else differs; with `characters` of code."""
    characters: int = 24
    extra: int = 8
    """Lines in between that SEARCH does not know."""


def doubt(search: Sequence[str], replace: Sequence[str], near: Sequence[Window], real: Lines, trust: Trust) -> str:
    """Return why the first of the windows, the best, is not sure enough, or nothing."""
    best = near[0]
    if why := next(_doubts(search, replace, best, real, trust), ""):
        return why
    for other in near[1:]:
        sure = not next(_doubts(search, replace, other, real, trust), "")
        if best.match.score - other.match.score < (trust.least_margin_sure if sure else trust.least_margin):
            return "two places are about equally like your SEARCH lines"
    return ""


def _doubts(search: Sequence[str], replace: Sequence[str], window: Window, real: Lines, trust: Trust) -> Iterator[str]:
    changed, inserted = touched(search, replace)
    kinds = window.likeness
    for at in sorted(changed):
        if kinds[at] < Likeness.TYPO:
            yield f"the edited line {search[at].strip()!r} is not in the file"
    if any(not _held(search, window, at) for at in inserted):
        yield "the lines around the new ones are not in the file as you wrote them"
    if _another_head(search, window, real):
        yield "the head of a definition has other lines than yours"
    apart = [at for at, kind in enumerate(kinds) if kind < Likeness.TYPO and code(search[at], real.marks)]
    for at in apart:
        if not _excused(search, at, window, real):
            yield f"{search[at].strip()!r} is not in the file"
    if len(apart) > trust.gone:
        yield f"{len(apart)} of your SEARCH lines are not in the file, {search[apart[0]].strip()!r} for one"
    if window.match.score < trust.least_score:
        yield "too little of your SEARCH lines is in the file"
    same = [search[at].strip() for at in range(len(search)) if _counts(search, at, window, real)]
    differs = apart or window.match.score < 1 - _ALMOST
    enough = trust.lines if differs else min(trust.lines, len([line for line in search if line.strip()]))
    if len(same) < enough + len(apart) or len("".join(same)) < trust.characters:
        yield "your SEARCH lines are too few to be sure which place is meant"
    if window.match.last - window.match.first + 1 > len(search) + trust.extra:
        yield "many more lines stand there than your SEARCH lines have"


def _another_head(search: Sequence[str], window: Window, real: Lines) -> bool:
    """Say whether a head over several lines has one more or less: then it is another definition of the same name."""
    first, pairs = window.match.first, window.match.pairs
    there = within_heads(real.lines[first : window.match.last + 1])
    more = any(first + at not in pairs and real.squeezed[first + at] for at in there)
    return more or any(pairs[at] is None and search[at].strip() for at in within_heads(search))


def _excused(search: Sequence[str], at: int, window: Window, real: Lines) -> bool:
    """Say whether a line of context may be another: it is gone, or the one word that differs stands nowhere in the file any more."""
    searched, place = search[at], window.match.pairs[at]
    if defines(searched):
        return False
    if place is None:
        above = next((each for each in reversed(window.match.pairs[:at]) if each is not None), None)
        below = next((each for each in window.match.pairs[at + 1 :] if each is not None), None)
        if above is None or below is None:
            return False
        between = [each for each in range(above + 1, below) if real.squeezed[each]]
        if len(between) != 1:
            return not between
        place = between[0]
    there = real.lines[place]
    before, after = words(searched) - words(there), words(there) - words(searched)
    return len(before) == len(after) == 1 and not defines(there) and not before & real.words


def _counts(search: Sequence[str], at: int, window: Window, real: Lines) -> bool:
    """Say whether a line speaks for the place: code that is the same, or a comment copied as it is."""
    place = window.match.pairs[at]
    if place is None or window.likeness[at] < Likeness.TYPO:
        return False
    return bool(code(search[at], real.marks)) or (
        bool(search[at].strip()) and search[at].strip() == real.lines[place].strip()
    )


def _held(search: Sequence[str], window: Window, at: int) -> bool:
    """Say whether a line beside the place of an insertion is there."""
    above = next((each for each in range(at - 1, -1, -1) if search[each].strip()), None)
    below = next((each for each in range(at, len(search)) if search[each].strip()), None)
    return any(each is not None and window.likeness[each] >= Likeness.TYPO for each in (above, below))
