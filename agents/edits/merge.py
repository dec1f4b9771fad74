"""The three-way merge: only what REPLACE changes in SEARCH is done to the real lines, so a miscopied context stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import Match as Block
from difflib import SequenceMatcher

from rapidfuzz import fuzz

from agents.edits.edit import How, Unclear
from agents.edits.indent import Indents, Sample, indent
from agents.edits.match import Lines, Match
from agents.edits.text import Splice

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
Opcode = tuple[str, int, int, int, int]


def opcodes(search: Sequence[str], replace: Sequence[str], how: How) -> list[Opcode]:
    """Return what REPLACE does to SEARCH, line by line; spaces at the ends count only where SEARCH was found exactly."""
    one, two = (search, replace) if how is How.EXACT else (_trimmed(search), _trimmed(replace))
    return list(SequenceMatcher(None, one, two, autojunk=False).get_opcodes())


def touched(search: Sequence[str], replace: Sequence[str]) -> tuple[frozenset[int], tuple[int, ...]]:
    """Return the numbers of the SEARCH lines that REPLACE changes or drops, and before which of them it puts lines in."""
    changed: set[int] = set()
    inserted: list[int] = []
    for tag, i1, i2, _, _ in opcodes(search, replace, How.LOOSE):
        if tag in ("replace", "delete"):
            changed.update(at for at in range(i1, i2) if search[at].strip())
        elif tag == "insert":
            inserted.append(i1)
    return frozenset(changed), tuple(inserted)


def merge(search: Sequence[str], replace: Sequence[str], match: Match, real: Lines) -> list[Splice]:
    """Return what is to be done to the file; raise `Unclear` where what was edited is not there as SEARCH has it."""
    ops = opcodes(search, replace, match.how)
    if match.how is How.EXACT:
        return [
            Splice(match.first + i1, match.first + i2, tuple(replace[j1:j2]))
            for tag, i1, i2, j1, j2 in ops
            if tag != "equal"
        ]
    return list(_Merge(search, replace, match, real, ops).splices())


class _Merge:
    def __init__(
        self, search: Sequence[str], replace: Sequence[str], match: Match, real: Lines, ops: list[Opcode]
    ) -> None:
        self.search, self.replace, self.pairs, self.real, self.ops = search, replace, match.pairs, real, ops
        self.span = real.lines[match.first : match.last + 1]
        self.twins = dict(self._twins())
        samples = [
            Sample(at, indent(search[twin]), indent(real.lines[place]))
            for at, twin in sorted(self.twins.items())
            if search[twin].strip() and (place := self.pairs[twin]) is not None
        ]
        self.indents = Indents(samples or self._all_samples(), [*search, *replace], self.span)

    def splices(self) -> Iterator[Splice]:
        for tag, i1, i2, j1, j2 in self.ops:
            if tag == "insert":
                place = self._between(i1)
                yield Splice(place, place, self._new(j1, j2))
            elif tag == "delete":
                yield from self._deleted(i1, i2)
            elif tag == "replace":
                yield from self._replaced(i1, i2, j1, j2)

    def _all_samples(self) -> list[Sample]:
        return [
            Sample(at, indent(line), indent(self.real.lines[place]))
            for at, (line, place) in enumerate(zip(self.search, self.pairs, strict=True))
            if line.strip() and place is not None
        ]

    def _twins(self) -> Iterator[tuple[int, int]]:
        """Yield each REPLACE line that a SEARCH line became, or stayed, with the latter's number."""
        for tag, i1, i2, j1, j2 in self.ops:
            if tag == "equal" or (tag == "replace" and i2 - i1 == j2 - j1):
                yield from zip(range(j1, j2), range(i1, i2), strict=True)
            elif tag == "replace":
                start = i1
                for at in range(j1, j2):
                    best = max(
                        range(start, i2), key=lambda each: fuzz.ratio(self.search[each], self.replace[at]), default=None
                    )
                    if best is not None and fuzz.ratio(self.search[best].strip(), self.replace[at].strip()) >= 60:
                        yield at, best
                        start = best + 1

    def _new(self, j1: int, j2: int) -> tuple[str, ...]:
        return tuple(self._line(at) for at in range(j1, j2))

    def _line(self, at: int) -> str:
        """Return a REPLACE line as the file would have it: what its SEARCH line became, done to the real line."""
        line = self.indents.line(at, self.replace[at])
        twin = self.twins.get(at)
        place = self.pairs[twin] if twin is not None else None
        if twin is None or place is None:
            return line
        was, there = self.search[twin], self.real.lines[place]
        kept = indent(there) if indent(was) == indent(self.replace[at]) else indent(line)
        body, old, new = there.strip(), was.strip(), line.strip()
        return kept + (new if body == old else merged_line(old, new, body))

    def _between(self, at: int) -> int:
        """Return where a line goes that REPLACE puts before the SEARCH line `at`: next to its neighbours' real lines."""
        if at and (before := self.pairs[at - 1]) is not None:
            return before + 1
        if at < len(self.pairs) and (after := self.pairs[at]) is not None:
            return after
        before = next((place for place in reversed(self.pairs[:at]) if place is not None), None)
        after = next((place for place in self.pairs[at:] if place is not None), None)
        if before is None and after is None:
            raise Unclear("nothing beside the new lines is in the file")
        solid = range(
            before + 1 if before is not None else after or 0, after if after is not None else (before or 0) + 1
        )
        if any(self.real.squeezed[each] for each in solid):
            raise Unclear("neither line beside the new ones is in the file as you wrote it")
        return before + 1 if before is not None else after or 0

    def _deleted(self, i1: int, i2: int) -> Iterator[Splice]:
        places = [place for place in self.pairs[i1:i2] if place is not None]
        if places:
            self._unbroken(places)
            yield Splice(places[0], places[-1] + 1, ())

    def _replaced(self, i1: int, i2: int, j1: int, j2: int) -> Iterator[Splice]:
        places = [place for place in self.pairs[i1:i2] if place is not None]
        if not places:
            if any(line.strip() for line in self.search[i1:i2]):
                raise Unclear(
                    f"the edited line {next(filter(str.strip, self.search[i1:i2])).strip()!r} is not in the file"
                )
            place = self._between(i1)
            yield Splice(place, place, self._new(j1, j2))
        elif i2 - i1 == j2 - j1 and len(places) == i2 - i1:
            for step, place in enumerate(places):
                yield Splice(place, place + 1, self._new(j1 + step, j1 + step + 1))
        else:
            self._unbroken(places)
            yield Splice(places[0], places[-1] + 1, self._new(j1, j2))

    def _unbroken(self, places: Sequence[int]) -> None:
        """Raise `Unclear` when a line that SEARCH does not know stands among those to be replaced."""
        for at in range(places[0], places[-1] + 1):
            if at not in places and self.real.squeezed[at]:
                raise Unclear(
                    f"line {at + 1}, {self.real.lines[at].strip()!r}, stands among the replaced lines but not in SEARCH"
                )


def merged_line(old: str, new: str, real: str) -> str:
    """Return a real line with what changed from `old` to `new` done to it.

    Where the change meets a word that `old` has otherwise than the real line, `new` stands as it is, unless it repeats
    that word elsewhere: then `Unclear` is raised.
    """
    was, want, there = (_TOKEN.findall(text) for text in (old, new, real))
    blocks = SequenceMatcher(None, was, there, autojunk=False).get_matching_blocks()
    made: list[str] = []
    done = 0
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, was, want, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        span = _carried(i1, i2, blocks)
        if span is None or span[0] < done:
            return _instead(was, new, want, there)
        made += [*there[done : span[0]], *want[j1:j2]]
        done = span[1]
    return "".join([*made, *there[done:]])


def _carried(first: int, last: int, blocks: Sequence[Block]) -> tuple[int, int] | None:
    """Return where tokens `first` up to `last` of one side stand on the other, if they stand there unbroken."""
    for one, two, size in blocks:
        if size and one <= first and last <= one + size:
            return two + first - one, two + last - one
    return None


def _instead(was: Sequence[str], new: str, want: Sequence[str], there: Sequence[str]) -> str:
    strange = [word for word in was if word not in there and not word.isspace()]
    missed = [word for word in there if word not in was and not word.isspace()]
    repeated = [word for word in strange if any(word in each for each in want)]
    if len(strange) == len(missed) == len(repeated) == 1:
        return new.replace(strange[0], missed[0])
    near = (
        [
            (fuzz.ratio(one, each), max(fuzz.ratio(two, each) for two in missed))
            for one in strange
            for each in _fresh(was, want, there)
        ]
        if missed
        else []
    )
    if repeated or any(to_slip > max(to_real, 50) for to_slip, to_real in near):
        raise Unclear(f"the file has {''.join(there)!r}; your lines say {strange[0]!r} there")
    return new


def _fresh(*sides: Sequence[str]) -> list[str]:
    was, want, there = sides
    return [word for word in want if word not in was and word not in there]


def _trimmed(lines: Sequence[str]) -> list[str]:
    return [line.rstrip() for line in lines]
