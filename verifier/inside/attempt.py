"""Call code that may do anything, and go on: whatever it raises is an answer, and it has its time."""

from __future__ import annotations

import signal
import time
from typing import Any, Callable

_setitimer, _clock = signal.setitimer, time.monotonic
_AGAIN_S = 0.05
_WALL_FOR_CPU = 20


class Late(BaseException):
    """Raised in a call that takes too long."""


def attempt(work: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """Return what `work` returns, and None; or None and what it raised."""
    try:
        return work(), None
    except Late:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever code under test raises is its answer
        return None, error


def brief(work: Callable[[], Any], wall_s: float) -> tuple[Any, BaseException | None]:
    """Attempt `work` in the main thread, for so long; whoever had set the alarm clock has it back afterwards."""
    armed = [True]

    def ring(number: int, frame: Any) -> None:
        del number, frame
        if armed[0]:
            raise Late

    began = _clock()
    handler = signal.signal(signal.SIGALRM, ring)
    left_s, again_s = _setitimer(signal.ITIMER_REAL, wall_s, _AGAIN_S)
    try:
        try:
            return attempt(work)
        finally:
            armed[0] = False
            _setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL if handler is None else handler)
            if left_s:
                _setitimer(signal.ITIMER_REAL, max(left_s + began - _clock(), 0.001), again_s)
    except Late as error:
        return None, error


class Watch:
    """Bounds calls in the main thread: CPU time, and a generous multiple of it of wall clock, for sleepers."""

    def __init__(self) -> None:
        self._armed = False
        for number in (signal.SIGVTALRM, signal.SIGALRM):
            signal.signal(number, self._ring)

    def limited(self, work: Callable[[], Any], cpu_s: float) -> tuple[Any, BaseException | None]:
        """Attempt `work`; the error is `Late` where it took longer than `cpu_s`."""
        try:
            try:
                self._armed = True
                # It rings again, for code that caught it the first time.
                _setitimer(signal.ITIMER_VIRTUAL, cpu_s, _AGAIN_S)
                _setitimer(signal.ITIMER_REAL, cpu_s * _WALL_FOR_CPU, _AGAIN_S * _WALL_FOR_CPU)
                return attempt(work)
            finally:
                self._rest()
        except Late as error:
            self._rest()
            return None, error

    def _rest(self) -> None:
        self._armed = False
        _setitimer(signal.ITIMER_VIRTUAL, 0)
        _setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, number: int, frame: Any) -> None:
        del number, frame
        if self._armed:
            raise Late
