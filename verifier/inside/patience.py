"""Tests that are run as they are, each for so long: one that goes on is interrupted, and says where it was."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .channel import Message
    from .told import Told

_setitimer = signal.setitimer
_WALL_FOR_CPU = 10


class TookTooLong(BaseException):
    """Raised in the midst of a test that has used up its time."""

    # Where it comes from says nothing to those who read it.
    __module__ = "builtins"


class Patience:
    """Passes on what a run says of its tests, and gives the next one `each_s` of CPU time; of wall clock ten times that."""

    def __init__(self, told: Told, each_s: float) -> None:
        self._told = told
        self._each_s = each_s
        for number in (signal.SIGVTALRM, signal.SIGALRM):
            signal.signal(number, self._ring)
        self._begin()

    def __call__(self, message: Message) -> None:
        if message["t"] == "result":
            self._begin()
        self._told(message)

    def _begin(self) -> None:
        # They ring again, for a test that caught it the first time.
        _setitimer(signal.ITIMER_VIRTUAL, self._each_s, self._each_s)
        wall_s = self._each_s * _WALL_FOR_CPU
        _setitimer(signal.ITIMER_REAL, wall_s, wall_s)

    def _ring(self, number: int, frame: Any) -> None:
        del number, frame
        raise TookTooLong(f"it was still running after {self._each_s:g} s of CPU time, or asleep for ten times that")
