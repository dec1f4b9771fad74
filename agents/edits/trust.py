"""Whether a place that is only alike is the one that was meant: sure enough to edit, or a reason not to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.edits.alike import Likeness, code, defines, squeezed, within_heads, words
from agents.edits.loose import Window
from agents.edits.match import Lines
from agents.edits.merge import touched

_ALMOST = 0.15
"""What slips alone take from a place's score."""
_HEAD = 30
"""Lines above a place among which the head may begin that it lies in."""
_NAME = 4
"""Letters from which on a word is taken for a name."""
_NAMED = re.compile(r"\w+_\w+|\w+(?=\()")
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


@dataclass(frozen=True, slots=True)
class Trust:
    """How sure a place must be. Tuned on the benchmark's development seed; shares and scores from 0 to 1."""

    least_score: float = 0.55
    least_margin: float = 0.05
    """Below the score of the best, for any place."""
    least_margin_sure: float = 0.2
    """Below the score of the best, for a place that would be sure enough by itself."""
    differ: int = 1
    """Lines that may be gone, or put in, or have one word renamed throughout the file: of more, a function that is alike differs as much."""
    slips: int = 15
    """One line, and one more for so many, may have such a difference or a slip of the pen."""
    lines: int = 3
    """Lines of code that must be the same, or all where there are fewer and nothing else differs; with `characters` of code."""
    characters: int = 24
    rare: int = 2
    """Of these so many must stand nowhere else in the file where a line is gone, put in or renamed, and one where there is a slip."""


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
        place = window.match.pairs[at]
        prose = not code(search[at], real.marks)
        if kinds[at] < Likeness.TYPO or (prose and place is not None and squeezed(search[at]) != real.squeezed[place]):
            yield f"the edited line {search[at].strip()!r} is not in the file"
    if any(not _held(search, window, at) for at in inserted):
        yield "the lines around the new ones are not in the file as you wrote them"
    if _another_head(search, window, real):
        yield "the head of a definition has other lines than yours"
    apart = [at for at, kind in enumerate(kinds) if kind < Likeness.TYPO and code(search[at], real.marks)]
    for at in apart:
        if not _excused(search, at, window, real):
            yield f"{search[at].strip()!r} is not in the file"
    if any(_names_another(line, at, window, real) for at, line in enumerate(search)):
        yield "a comment names something else than yours"
    differ = differences(search, window, real)
    if differ > trust.differ:
        yield f"{differ} lines differ between your SEARCH lines and the file"
    slips = sum(_slipped(search, at, window, real) for at in range(len(search)))
    if differ + slips > 1 + len(search) // trust.slips:
        yield f"{differ + slips} of your SEARCH lines are not quite as in the file"
    if window.match.score < trust.least_score:
        yield "too little of your SEARCH lines is in the file"
    same = [at for at in range(len(search)) if _counts(search, at, window, real)]
    enough = trust.lines + differ
    if not differ and window.match.score >= 1 - _ALMOST:
        enough = min(enough, len([line for line in search if line.strip()]))
    held = [place for at in same if (place := window.match.pairs[at]) is not None]
    rare = sum(len(real.places[real.squeezed[place]]) == 1 for place in held)
    if (
        len(same) < enough
        or len("".join(search[at].strip() for at in same)) < trust.characters
        or rare < (trust.rare if differ else min(slips, 1))
    ):
        yield "your SEARCH lines are too few to be sure which place is meant"


def differences(search: Sequence[str], window: Window, real: Lines) -> int:
    """Return how many lines differ: gone, put in, or another code or comment; at one spot as many as the side with more has."""
    count = gone = 0
    above: int | None = None
    for at, line in enumerate(search):
        place = window.match.pairs[at]
        if not line.strip():
            continue
        if place is None:
            gone += 1
            continue
        more = [each for each in range(place if above is None else above + 1, place) if real.squeezed[each]]
        count += max(gone, len(more)) + _other(line, window.likeness[at], real, place)
        above, gone = place, 0
    return count + gone


def _other(line: str, kind: Likeness, real: Lines, place: int) -> bool:
    """Say whether the line that stands for a searched one is another: other code, or a comment in other words but for one."""
    there = real.lines[place]
    if kind < Likeness.TYPO or line.strip() == there.strip():
        return kind < Likeness.TYPO
    if code(line, real.marks):
        return _commented(line, real.marks) != _commented(there, real.marks)
    mine, theirs = words(line) - words(there), words(there) - words(line)
    return min(len(mine), len(theirs)) > 1


def _commented(line: str, marks: tuple[str, ...]) -> bool:
    return code(line, marks) != squeezed(line)


def _names_another(line: str, at: int, window: Window, real: Lines) -> bool:
    """Say whether the comment of a line whose code is there names other things of the code."""
    place = window.match.pairs[at]
    if place is None or window.likeness[at] is not Likeness.SAME:
        return False
    mine, theirs = set(_NAMED.findall(line)), set(_NAMED.findall(real.lines[place]))
    return bool(mine - theirs) and bool(theirs - mine)


def _slipped(search: Sequence[str], at: int, window: Window, real: Lines) -> bool:
    """Say whether a searched line is the real one but for a slip of the pen, or for some of its comment."""
    place = window.match.pairs[at]
    if place is None or window.likeness[at] < Likeness.TYPO or _other(search[at], window.likeness[at], real, place):
        return False
    return window.likeness[at] is Likeness.TYPO or squeezed(search[at]) != real.squeezed[place]


def _another_head(search: Sequence[str], window: Window, real: Lines) -> bool:
    """Say whether a head over several lines has one more, or less, or otherwise: then it is another definition, however alike."""
    first, pairs = window.match.first, window.match.pairs
    begin = max(0, first - _HEAD)
    there = {begin + at for at in within_heads(real.lines[begin : window.match.last + 1])}
    if any(at not in pairs and real.squeezed[at] for at in there if at >= first):
        return True
    if any(pairs[at] is None and search[at].strip() for at in within_heads(search)):
        return True
    # A line that is gone between two of a head.
    return any(pairs[at] is None and line.strip() and _beside(pairs, at) & there for at, line in enumerate(search))


def _beside(pairs: Sequence[int | None], at: int) -> set[int]:
    """Return the real lines before and after a searched line that is gone."""
    above = next((each for each in reversed(pairs[:at]) if each is not None), None)
    below = next((each for each in pairs[at + 1 :] if each is not None), None)
    return {each for each in (above, below) if each is not None}


def _excused(search: Sequence[str], at: int, window: Window, real: Lines) -> bool:
    """Say whether a line of context may be another: it is gone, or the one name that differs stands nowhere in the file any more."""
    searched, place = search[at], window.match.pairs[at]
    if defines(searched):
        return False
    if place is None:
        beside = sorted(_beside(window.match.pairs, at))
        if len(beside) < 2:
            return False
        between = [each for each in range(beside[0] + 1, beside[1]) if real.squeezed[each]]
        if len(between) != 1:
            return not between
        place = between[0]
    return not defines(real.lines[place]) and _renamed(searched, real.lines[place], real.words)


def _renamed(searched: str, there: str, known: frozenset[str]) -> bool:
    """Say whether lines differ by one name, that the file no longer has; names with a part in common are those of siblings."""
    before, after = words(searched) - words(there), words(there) - words(searched)
    if len(before) != 1 or len(after) != 1 or before & known:
        return False
    one, two = *before, *after
    if min(len(one), len(two)) < _NAME or not (one.isidentifier() and two.isidentifier()):
        return False
    return not {part.casefold() for part in _PART.findall(one)} & {part.casefold() for part in _PART.findall(two)}


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
