"""What a model door lets through at most."""

from __future__ import annotations

from dataclasses import dataclass

from agents.models import Patience


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """Limits of one door: bytes of a request and of a reply, calls and connections at once, calls in all."""

    request_bytes: int = 8 << 20
    messages: int = 4_000
    """Of a request; one with more is refused."""
    reply_bytes: int = 16 << 20
    at_once: int = 4
    """Further calls wait for their turn."""
    connections: int = 16
    """Further ones are closed at once."""
    calls: int = 5_000
    reply_tokens: int = 8_192
    """A reply has no more where the request does not bound it, and none has more than the model's context."""
    journal_bytes: int = 64 << 20
    """Of requests and replies; what comes after is journaled by its hash alone."""
    patience: Patience = Patience()
    """Its tries and waits are the program's to make."""
