"""A walk: a model writes a place once more, its reply begun with the code as it stands, so that all it would do otherwise shows, and how likely.

One reply says of each token what else the model thinks of there. Drawn at random, whole replies would mostly copy; here the least likely
of its ideas costs no more than the likeliest. Where it leaves the code, it is taken back onto it, and goes on.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from agents.edits.grammar import broken_at
from agents.models import Reply
from agents.sampling.asking import Ask, Form, fence
from agents.sampling.departure import Departure, Rewrite, departures, rewrites
from agents.sampling.place import Place, split
from agents.sampling.sample import Sample, between

_STRIDE_TOKENS = 24
"""The tokens of a reply in a walk: after it left the code, they are what it would rather write."""
_FOLLOW_TOKENS = 40
ALTERNATIVES = 8
_STATEMENTS = 8
"""The most suspicious statements of a place that one walk goes along."""
_FOLLOWED = 8
"""Departures whose lines the model is asked to write to their end, the likeliest first."""

Asked = Callable[[Ask, int, tuple[str, ...]], Reply]
"""Asks for a reply of so many tokens at most, that ends before one of some texts."""


@dataclass(slots=True)
class Walk:
    """A walk along the suspicious statements of a place, over its file's content; `form` says whether the model sees what stands there."""

    place: Place
    data: bytes
    form: Form
    asked: Asked
    nth: int = 0
    found: list[Departure] = field(default_factory=list)
    _lines: dict[int, str] = field(init=False, repr=False)
    _code: str = field(init=False, repr=False)
    _gate: _Gate = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._lines = self.place.numbered(self.data)
        self._code = "".join(self._lines.values())
        self._gate = _Gate(self.place, self.data)

    def go(self) -> None:
        """Walk, and gather where the model would leave the code."""
        for first, last in self._stretches():
            self._along(first, last)

    def samples(self) -> list[Sample]:
        """Return the edits that what was found may mean, without a further question, the likeliest first."""
        self.found.sort(key=lambda each: -each.p)
        return list(self._samples(self.found))

    def follow(self) -> Iterator[list[Sample]]:
        """Have the model write on after each of its likeliest ideas that it was not drawn into; yield the edits of each."""
        for departure in [each for each in self.found if not each.whole][:_FOLLOWED]:
            begun = self._code[: departure.at]
            # Where a line is begun anew, those below it belong to it.
            stop = ("\n",) if begun.rpartition("\n")[2].strip() else ()
            reply = self._reply(begun + departure.written, _FOLLOW_TOKENS, stop)
            yield list(self._samples([departure.followed("".join(token.text for token in reply.tokens))]))

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """Yield the offsets of the statements to go along, in their order, those that follow each other as one."""
        chosen = self.place.statements[_STATEMENTS * self.nth : _STATEMENTS * (self.nth + 1)]
        wanted = {number for span in chosen for number in range(span.first, span.last + 1)}
        at, begun = 0, -1
        for number, line in self._lines.items():
            if number in wanted and begun < 0:
                begun = at
            elif number not in wanted and begun >= 0:
                yield begun, at
                begun = -1
            at += len(line)
        if begun >= 0:
            yield begun, at

    def _along(self, at: int, end: int) -> None:
        while at < end:
            reply = self._reply(self._code[:at], _STRIDE_TOKENS)
            found, at = departures(self._code, at, end, reply.tokens)
            self.found += found

    def _reply(self, code: str, tokens: int, stop: tuple[str, ...] = ()) -> Reply:
        return self.asked(Ask(self.place, self.form, 0.0, begun=fence(self.place.path) + code), tokens, stop)

    def _samples(self, found: list[Departure]) -> Iterator[Sample]:
        for departure in found:
            for rewrite in rewrites(self._code, departure):
                if (after := self._gate.passed(self._rewritten(rewrite))) is not None:
                    yield between(self.place, self._gate.text, after, weight=departure.p)

    def _rewritten(self, rewrite: Rewrite) -> str:
        """Return the place with a rewrite in it."""
        numbers = list(self._lines)[rewrite.first : rewrite.last + 1]
        shown = split(self._gate.whole_place)
        first, last = numbers[0] - self.place.first, numbers[-1] - self.place.first
        return "".join(shown[:first]) + rewrite.text + "".join(shown[last + 1 :])


class _Gate:
    """Lets through what is other code than before and parses, each meaning once."""

    def __init__(self, place: Place, data: bytes) -> None:
        self.text = data.decode("utf-8")
        lines = split(self.text)
        self._before, self._behind = "".join(lines[: place.first - 1]), "".join(lines[place.last :])
        self.whole_place = "".join(lines[place.first - 1 : place.last])
        self._path = place.path
        self._parsed = broken_at(place.path, data) is None
        # Lines around a statement that lies in no function parse with their file only.
        self._alone = bool(place.name)
        meaning = self._meaning(self.whole_place) if place.path.endswith(".py") else None
        self._python = meaning is not None
        self._seen = {meaning or self.whole_place}

    def passed(self, changed: str) -> str | None:
        """Return the file with a place that was changed; None for one that does not parse, or that means what was there before."""
        meaning = self._meaning(changed) if self._python else changed
        if meaning is None or meaning in self._seen:
            return None
        self._seen.add(meaning)
        after = self._before + changed + self._behind
        return None if self._parsed and broken_at(self._path, after.encode()) is not None else after

    def _meaning(self, place: str) -> str | None:
        code = textwrap.dedent(place) if self._alone else self._before + place + self._behind
        try:
            return ast.dump(ast.parse(code))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
