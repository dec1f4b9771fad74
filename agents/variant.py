"""Variants: how the attempts of one job differ from each other, by a stated plan, so that they do not all fail alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
_WARMER, _WARMEST = 0.3, 0.9


@dataclass(frozen=True, slots=True)
class Variant:
    """How an attempt differs from the job's first one, which is variant 0.

    `number` counts the attempts of one agent. Seeds differ besides: `Task.seed` is another one for each attempt.
    """

    number: int = 0

    @property
    def warmer(self) -> float:
        """Return what is added to the temperature that an agent would use: .3 for each, up to .9, then from 0 again."""
        return round(_WARMER * (self.number % (round(_WARMEST / _WARMER) + 1)), 3)

    @property
    def place(self) -> int:
        """Return how many of the likeliest places are taken last, so that each attempt begins at another one."""
        return self.number

    def ordered(self, parts: Sequence[Item]) -> tuple[Item, ...]:
        """Return parts of a prompt that may stand in any order, begun at another one for each attempt; odd ones go backwards."""
        if not parts:
            return ()
        at = self.number % len(parts)
        turned = (*parts[at:], *parts[:at])
        return turned[::-1] if self.number % 2 else turned
