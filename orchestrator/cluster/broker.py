"""The broker's Protocol: it wakes workers. What it loses, doubles or delays costs time alone, as the store is the truth."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from orchestrator.errors import OrchestratorError


class BrokerAway(OrchestratorError, ConnectionError):
    """Raised when a broker does not answer. Jobs wait in the store meanwhile."""


class Broker(Protocol):
    """Carries numbers of jobs that may be ready, to workers with an ability ("" for any). Safe to use from one thread at a time."""

    def send(self, number: int, ability: str = "") -> None:
        """Have some worker woken for a job. Raises `BrokerAway`."""
        ...

    def waiting(self, ability: str = "") -> int:
        """Return how many messages no such worker has taken yet. Raises `BrokerAway`."""
        ...

    def close(self) -> None:
        """Give connections back. Safe to call twice."""
        ...


class MemoryBroker:
    """A broker within a process, for tests."""

    def __init__(self) -> None:
        self.messages: dict[str, deque[int]] = {}

    def send(self, number: int, ability: str = "") -> None:
        self.messages.setdefault(ability, deque()).append(number)

    def waiting(self, ability: str = "") -> int:
        return len(self.messages.get(ability, ()))

    def close(self) -> None:
        """Nothing is held."""
