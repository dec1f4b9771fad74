"""Hedged requests (Dean and Barroso 2013, "The Tail at Scale"): where a reply is late to begin, a second replica is asked as well.

It belongs to one event loop.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

SHARE = 0.05
_SAVED = 4.0
"""So many may follow one another after a quiet time."""
_LATELY, _FEWEST, _ANEW = 200, 20, 10

Late = float | Literal["p95"] | None
"""Seconds after which a reply that has not begun is late; `p95`: those of 95 of 100 lately; None: it never is."""


class Hedging:
    """When a model's requests go to a second replica too: at most `share` of all of them."""

    def __init__(self, late: Late = None, share: float = SHARE) -> None:
        self.late = late
        self._share = share
        self._saved = 0.0
        self._taken: dict[bool, deque[float]] = {}
        self._slow: dict[bool, float] = {}
        self._noted = 0
        self.count = 0
        """How many requests went to two."""
        self.wasted_tokens = 0
        """About what the replicas that lost read for them: nobody is charged for it."""

    @property
    def may(self) -> bool:
        """Say whether one more request may go to two."""
        return self._saved >= 1.0

    def late_s(self, *, streams: bool) -> float | None:
        """Count a request; return when it is late, None where too few were measured to say."""
        self._saved = min(self._saved + self._share, _SAVED)
        return self._slow.get(streams) if self.late == "p95" else self.late

    def take(self, tokens: int) -> None:
        """Count a request that goes to two, with a prompt of so many tokens."""
        self._saved -= 1.0
        self.count += 1
        self.wasted_tokens += tokens

    def note(self, first_s: float, *, streams: bool) -> None:
        """Learn how long a reply took to begin. One that comes as a whole begins when it is done, so it is measured apart."""
        taken = self._taken.setdefault(streams, deque(maxlen=_LATELY))
        taken.append(first_s)
        self._noted += 1
        if len(taken) >= _FEWEST and (streams not in self._slow or self._noted % _ANEW == 0):
            self._slow[streams] = sorted(taken)[int(0.95 * len(taken))]
