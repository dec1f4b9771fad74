"""Call code that may do anything, and go on: whatever it raises is an answer, and it has its time."""

from __future__ import annotations

import signal
from typing import Any, Callable

_setitimer = signal.setitimer
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
