"""A prompt as it was rendered: its messages, where each part of it stands, what each costs, and what was left out.

Of a prompt there may be a hundred thousand parts: what there is one of for each is a tuple with names, the quickest to make.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from agents.models import Message
from agents.prompts.part import Part, Zone


class Piece(NamedTuple):
    """A part as text, and where in that its own text stands."""

    name: str
    zone: Zone
    part: Part
    text: str
    body: int
    body_end: int
    tokens: int
    instead: bool = False


class Placed(NamedTuple):
    """Where a part stands: characters `start` to `end` of the text of a message, its own text from `body` to `body_end`.

    `instead` says that what stands there is what is instead of it.
    """

    name: str
    zone: Zone
    message: int
    start: int
    end: int
    body: int
    body_end: int
    tokens: int
    instead: bool = False


class LeftOut(NamedTuple):
    """A part that is not there (or something instead of it), its tokens, and why."""

    name: str
    zone: Zone
    tokens: int
    why: str


@dataclass(frozen=True, slots=True)
class ZoneState:
    """What a zone costs, and a hash of all that it says: equal hashes are equal text for the model."""

    tokens: int
    digest: str


@dataclass(frozen=True)
class Rendered:
    """Messages of `tokens` tokens in all, each of those `pieces` that begin at its number of `firsts`.

    `steps` counts the eviction steps of the log: while neither it nor the prefix's hash changes, a turn begins with the one before.
    """

    messages: tuple[Message, ...]
    tokens: int
    pieces: tuple[Piece, ...]
    firsts: tuple[int, ...]
    left_out: tuple[LeftOut, ...]
    zones: Mapping[Zone, ZoneState]
    steps: int

    @cached_property
    def placed(self) -> tuple[Placed, ...]:
        """Return where each part stands, in order; each character of each message is covered once."""
        return tuple(self._places())

    def _places(self) -> Iterator[Placed]:
        for message, (first, last) in enumerate(zip(self.firsts, (*self.firsts[1:], len(self.pieces)), strict=False)):
            start = 0
            for name, zone, _, text, body, body_end, tokens, instead in self.pieces[first:last]:
                end = start + len(text)
                yield Placed(name, zone, message, start, end, start + body, start + body_end, tokens, instead)
                start = end

    @property
    def text(self) -> str:
        """Return all messages as one text, to read or to compare."""
        return "".join(f"[{message.role}]\n{message.text}\n" for message in self.messages)

    def source(self, message: int, offset: int) -> Placed:
        """Return the part that a character of a message comes from. Raises `IndexError` where there is none."""
        place = bisect_right(self.placed, (message, offset), key=lambda each: (each.message, each.start)) - 1
        if place < 0 or self.placed[place].message != message or not 0 <= offset < self.placed[place].end:
            raise IndexError(f"message {message} has no character {offset}")
        return self.placed[place]

    def tokens_by_part(self) -> dict[str, int]:
        """Return the tokens of each part that is there, those of equal names together."""
        by_part: dict[str, int] = {}
        for each in self.pieces:
            by_part[each.name] = by_part.get(each.name, 0) + each.tokens
        return by_part
