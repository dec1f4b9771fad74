"""What of a prompt is kept in how much room: the log in coarse steps, so that what stays is the prefix of the next turn; the tail freely."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol


class Kept(IntEnum):
    """Whether a unit stands as it is, as what is `instead` of it, or not at all."""

    OUT = 0
    INSTEAD = 1
    WHOLE = 2


class Sized(Protocol):
    """A unit's priority, its tokens, and those of what stands instead of it (0: nothing does)."""

    @property
    def priority(self) -> int: ...
    @property
    def tokens(self) -> int: ...
    @property
    def instead_tokens(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Fitted:
    """How each unit is kept, at which eviction step it was left out (0: it was not), how many steps there were, and the tokens kept."""

    kept: list[Kept]
    at: list[int]
    steps: int
    tokens: int


def fit_log(sizes: Sequence[Sized], room: int, step: float) -> Fitted:
    """Fit a log by going through it from its start: where a unit overflows `room`, those before it make `step` of it free.

    The lowest priority goes first, then the oldest; the newest unit goes last. A longer log goes through the same steps
    first, so what is kept only grows but for the steps.
    """
    log = _Log(list(sizes), room)
    for number in range(len(sizes)):
        log.add(number, step)
    return Fitted(log.kept, log.at, log.steps, log.tokens)


class _Log:
    """The state between two units of a log."""

    def __init__(self, sizes: list[Sized], room: int) -> None:
        self.sizes = sizes
        self.room = room
        self.kept = [Kept.WHOLE] * len(sizes)
        self.at = [0] * len(sizes)
        self.steps = 0
        self.tokens = 0
        self._waiting: list[tuple[int, int]] = []
        self._instead: list[int] = []

    def add(self, number: int, step: float) -> None:
        """Add the next unit, and make room where it needs some."""
        size = self.sizes[number]
        self.tokens += size.tokens
        if self.tokens > self.room:
            self.steps += 1
            self._free(self.room - int(self.room * step))
        if self.tokens > self.room:
            self._leave_out(number)
        else:
            heapq.heappush(self._waiting, (size.priority, number))

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
        size = self.sizes[number]
        self.tokens -= size.tokens
        self.at[number] = self.steps
        self.kept[number] = Kept.OUT
        if size.instead_tokens and size.instead_tokens < size.tokens and self.tokens + size.instead_tokens <= self.room:
            self.tokens += size.instead_tokens
            self.kept[number] = Kept.INSTEAD
            self._instead.append(number)

    def _drop(self, number: int) -> None:
        self.tokens -= self.sizes[number].instead_tokens
        self.kept[number] = Kept.OUT


def fit_tail(sizes: Sequence[Sized], room: int) -> Fitted:
    """Fit a tail: the highest priorities that fit, the later of equals, and what stands instead of the others while there is room."""
    kept, tokens = [Kept.OUT] * len(sizes), 0
    ordered = sorted(range(len(sizes)), key=lambda number: (-sizes[number].priority, -number))
    for number in ordered:
        size = sizes[number]
        if tokens + size.tokens <= room:
            kept[number], tokens = Kept.WHOLE, tokens + size.tokens
        elif size.instead_tokens and tokens + size.instead_tokens <= room:
            kept[number], tokens = Kept.INSTEAD, tokens + size.instead_tokens
    return Fitted(kept, [int(each is not Kept.WHOLE) for each in kept], 0, tokens)
