"""What of a prompt is kept in how much room: the log in coarse steps, so that what stays is the prefix of the next turn; the tail freely."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class Kept(IntEnum):
    """Whether a unit stands as it is, as what is `instead` of it, or not at all."""

    OUT = 0
    INSTEAD = 1
    WHOLE = 2


class Sizes(NamedTuple):
    """Of each unit its priority, its tokens, and those of what stands instead of it (0: nothing does)."""

    priorities: list[int]
    tokens: list[int]
    instead: list[int]


@dataclass(frozen=True, slots=True)
class Fitted:
    """How each unit is kept, at which eviction step it was left out (0: it was not), how many steps there were, and the tokens kept."""

    kept: list[Kept]
    at: list[int]
    steps: int
    tokens: int


def fit_log(sizes: Sizes, room: int, step: float) -> Fitted:
    """Fit a log by going through it from its start: where a unit overflows `room`, those before it make `step` of it free.

    The lowest priority goes first, then the oldest; the newest unit goes last. A longer log goes through the same steps
    first, so what is kept only grows but for the steps.
    """
    count, tokens = len(sizes.tokens), sum(sizes.tokens)
    if tokens <= room:
        return Fitted([Kept.WHOLE] * count, [0] * count, 0, tokens)
    log = _Log(sizes, room)
    for number in range(count):
        log.add(number, step)
    return Fitted(log.kept, log.at, log.steps, log.tokens)


class _Log:
    """The state between two units of a log."""

    def __init__(self, sizes: Sizes, room: int) -> None:
        self.sizes = sizes
        self.room = room
        self.kept = [Kept.WHOLE] * len(sizes.tokens)
        self.at = [0] * len(sizes.tokens)
        self.steps = 0
        self.tokens = 0
        self._waiting: list[tuple[int, int]] = []
        self._instead: list[int] = []

    def add(self, number: int, step: float) -> None:
        """Add the next unit, and make room where it needs some."""
        self.tokens += self.sizes.tokens[number]
        if self.tokens > self.room:
            self.steps += 1
            self._free(self.room - int(self.room * step))
        if self.tokens > self.room:
            self._leave_out(number)
        else:
            heapq.heappush(self._waiting, (self.sizes.priorities[number], number))

    def _free(self, target: int) -> None:
        # What stands instead of parts goes first: it has been there for a whole step.
        old, self._instead = self._instead, []
        for place, number in enumerate(old):
            if self.tokens <= target:
                self._instead = old[place:]
                break
            self._drop(number)
        while self._waiting and self.tokens > target:
            self._leave_out(heapq.heappop(self._waiting)[1])
        while self._instead and self.tokens > self.room:
            self._drop(self._instead.pop(0))

    def _leave_out(self, number: int) -> None:
        tokens, instead = self.sizes.tokens[number], self.sizes.instead[number]
        self.tokens -= tokens
        self.at[number] = self.steps
        self.kept[number] = Kept.OUT
        if instead and instead < tokens and self.tokens + instead <= self.room:
            self.tokens += instead
            self.kept[number] = Kept.INSTEAD
            self._instead.append(number)

    def _drop(self, number: int) -> None:
        self.tokens -= self.sizes.instead[number]
        self.kept[number] = Kept.OUT


def fit_tail(sizes: Sizes, room: int) -> Fitted:
    """Fit a tail: the highest priorities that fit, the later of equals, and what stands instead of the others while there is room."""
    count = len(sizes.tokens)
    kept, tokens = [Kept.OUT] * count, 0
    for number in sorted(range(count), key=lambda number: (-sizes.priorities[number], -number)):
        whole, instead = sizes.tokens[number], sizes.instead[number]
        if tokens + whole <= room:
            kept[number], tokens = Kept.WHOLE, tokens + whole
        elif instead and tokens + instead <= room:
            kept[number], tokens = Kept.INSTEAD, tokens + instead
    return Fitted(kept, [int(each is not Kept.WHOLE) for each in kept], 0, tokens)
