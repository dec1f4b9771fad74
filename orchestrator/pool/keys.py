"""Who may ask, by keys of which only a hash is kept, and how much at once."""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.pool.ledger import Limits
from orchestrator.pool.refusal import Refusal

_MINUTE_S = 60.0
ANYBODY = "anybody"
"""Who asks where no key is configured."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose key it is, and what may be done with it. None: any number."""

    name: str
    sha256: str = ""
    limits: Limits = Limits()
    requests_per_minute: int | None = None
    at_once: int | None = None
    administers: bool = False
    """Whether it is told how the pool stands, and what all users spent."""


def new_key() -> tuple[str, str]:
    """Return a key, and the hash of it that is kept."""
    key = f"nc-{secrets.token_urlsafe(32)}"
    return key, digest(key)


def digest(key: str) -> str:
    # It has 256 bits of chance: nothing is to be guessed that a slow hash would protect.
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


class Doorman:
    """Lets requests in. Without holders it lets anybody in, by `anybody`'s limits."""

    def __init__(self, holders: Sequence[Holder], anybody: Holder, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun: dict[str, deque[float]] = {}
        self._inside: dict[str, int] = {}
        self.change(holders, anybody)

    def change(self, holders: Sequence[Holder], anybody: Holder) -> None:
        """Let others in from now on."""
        # Found by its hash: how long that takes tells nothing about a key.
        self._holders = {holder.sha256: holder for holder in holders}
        self._anybody = anybody

    def holder(self, headers: Mapping[str, str]) -> Holder:
        """Return whose key a request has. Raises `Refusal`."""
        if not self._holders:
            return self._anybody
        kind, _, key = headers.get("authorization", "").partition(" ")
        found = self._holders.get(digest(key.strip())) if kind.lower() == "bearer" else None
        if found is None:
            why = "that key opens nothing here: send the one you were given as `Authorization: Bearer …`"
            raise Refusal(401, "invalid_api_key", why)
        return found

    @contextmanager
    def admitted(self, holder: Holder) -> Iterator[None]:
        """Count a request while it is answered. Raises `Refusal` where its holder has too many, or asks too often."""
        inside = self._inside.get(holder.name, 0)
        if holder.at_once is not None and inside >= holder.at_once:
            why = f"{holder.name} may have {holder.at_once} requests at once: wait until one has ended"
            raise Refusal(429, "rate_limit_exceeded", why, headers={"retry-after": "1"})
        self._count(holder)
        self._inside[holder.name] = inside + 1
        try:
            yield
        finally:
            self._inside[holder.name] -= 1

    def _count(self, holder: Holder) -> None:
        if holder.requests_per_minute is None:
            return
        begun, now = self._begun.setdefault(holder.name, deque()), self._clock()
        while begun and now - begun[0] >= _MINUTE_S:
            begun.popleft()
        if len(begun) >= holder.requests_per_minute:
            wait_s = int(_MINUTE_S - (now - begun[0])) + 1
            why = f"{holder.name} may ask {holder.requests_per_minute} times a minute: try again in {wait_s} s"
            raise Refusal(429, "rate_limit_exceeded", why, headers={"retry-after": str(wait_s)})
        begun.append(now)
