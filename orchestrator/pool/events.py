"""The events of a streamed reply: bytes pass as they come; of what passes, only the usage is read (Server-Sent Events, WHATWG HTML)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_EVENT_BYTES = 4 << 20
_END = re.compile(rb"\r?\n\r?\n")
_DONE = b"data: [DONE]"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the engine counted them; those of the prompt that its cache had are in `cached`."""

    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0

    @property
    def total(self) -> int:
        return self.tokens_in + self.tokens_out


class Events:
    """Lets a stream pass. `usage` is what it told; the event that tells it is kept back unless the client asked for it."""

    def __init__(self, *, tells_usage: bool) -> None:
        self._tells_usage = tells_usage
        self._rest = b""
        self.usage: Usage | None = None
        self.done = False
        self.count = 0
        """Events that came."""

    def take(self, piece: bytes) -> bytes:
        """Return what is to be sent on now. Raises ValueError for what is no stream of events."""
        self.count += piece.count(b"data:")
        if not self._rest and piece.endswith(b"\n\n") and b'"usage"' not in piece:
            self.done = self.done or _DONE in piece
            if piece[:5] == b"data:":
                return piece
        return self._cut(self._rest + piece)

    def _cut(self, come: bytes) -> bytes:
        """Go through whole events one by one; what is left of one waits for its end."""
        passed: list[bytes] = []
        at = 0
        for end in _END.finditer(come):
            event = come[at : end.end()]
            at = end.end()
            if self._passes(event):
                passed.append(event)
        self._rest = come[at:]
        if len(self._rest) > _EVENT_BYTES:
            raise ValueError(f"an event has more than {_EVENT_BYTES} bytes")
        return b"".join(passed)

    def _passes(self, event: bytes) -> bool:
        # Comments, names and empty lines are of the protocol, too.
        if event.strip() and not event.lstrip().startswith((b"data:", b":", b"event:", b"id:", b"retry:")):
            raise ValueError("that is no stream of events")
        self.done = self.done or _DONE in event
        if b'"usage"' not in event:
            return True
        told = _object(event.strip().removeprefix(b"data:"))
        self.usage = usage_of(told) or self.usage
        return self._tells_usage or told.get("choices") != [] or usage_of(told) is None


def usage_of(told: dict[str, object]) -> Usage | None:
    """Return the usage that a reply tells, None where it tells none."""
    usage = told.get("usage")
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")), _count(cached))


def _object(data: bytes) -> dict[str, object]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
