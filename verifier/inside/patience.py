"""Tests that are given so long each: one that goes on is interrupted, and says where it was."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from .channel import Message

_setitimer = signal.setitimer
_WALL_FOR_CPU = 10


class TookTooLong(BaseException):
    """Raised in the midst of a test that has used up its time."""

    # Where it comes from says nothing to those who read it.
    __module__ = "builtins"


class Patience:
    """Passes on what a run says of its tests, and gives each test `each_s` of CPU time; of wall clock ten times that."""

    def __init__(self, send: Callable[[Message], None], each_s: float) -> None:
        self._send = send
        self._each_s = each_s

    def __call__(self, message: Message) -> None:
        if message["t"] in ("collected", "result"):
            self.begin()
        self._send(message)

    def begin(self) -> None:
        """Give the test that comes next its time."""
        for number in (signal.SIGVTALRM, signal.SIGALRM):
            signal.signal(number, self._ring)
        self._set(self._each_s)

    def end(self) -> None:
        """Interrupt nothing any more."""
        self._set(0.0)

    def _set(self, cpu_s: float) -> None:
        # They ring again, for a test that caught it the first time.
        _setitimer(signal.ITIMER_VIRTUAL, cpu_s, cpu_s)
        _setitimer(signal.ITIMER_REAL, cpu_s * _WALL_FOR_CPU, cpu_s * _WALL_FOR_CPU)

    def _ring(self, number: int, frame: Any) -> None:
        del number, frame
        raise TookTooLong(f"it was still running after {self._each_s:g} s of CPU time, or asleep for ten times that")
