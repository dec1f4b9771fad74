"""Messages to jobs, in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import RLock

from orchestrator.records import Message, Status


class MemoryMessages:
    """What people said to jobs. `listens` returns the time where a job stands at one of some statuses, else None; `lock` guards both."""

    def __init__(self, lock: RLock, listens: Callable[[int, Sequence[Status]], float | None]) -> None:
        self._lock = lock
        self._listens = listens
        self._said: list[tuple[int, Message]] = []

    def say(self, job: int, who: str, text: str, among: Sequence[Status]) -> bool:
        with self._lock:
            at = self._listens(job, among)
            if at is not None:
                self._said.append((job, Message(len(self._said) + 1, who, text, at)))
            return at is not None

    def said(self, job: int, after: int = 0) -> tuple[Message, ...]:
        return tuple(message for number, message in self._said if number == job and message.id > after)
