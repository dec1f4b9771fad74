"""The broker's Protocol: it wakes workers. What it loses, doubles or delays costs time alone, as the store is the truth."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from orchestrator.errors import OrchestratorError


class BrokerAway(OrchestratorError, ConnectionError):
    """Raised when a broker does not answer. Jobs wait in the store meanwhile."""


class Broker(Protocol):
    """Carries numbers of jobs that may be ready. Safe to use from one thread at a time."""

    def send(self, number: int) -> None:
        """Have some worker woken for a job. Raises `BrokerAway`."""
        ...

    def waiting(self) -> int:
        """Return how many messages no worker has taken yet. Raises `BrokerAway`."""
        ...

    def close(self) -> None:
        """Give connections back. Safe to call twice."""
        ...


class MemoryBroker:
    """A broker within a process, for tests."""

    def __init__(self) -> None:
        self.messages: deque[int] = deque()

    def send(self, number: int) -> None:
        self.messages.append(number)

    def waiting(self) -> int:
        return len(self.messages)

    def close(self) -> None:
        """Nothing is held."""
