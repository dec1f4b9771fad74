"""Messages of JSON-RPC, one a line, cut out of a stream that is not to be trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from agents.acp.errors import AcpTrouble

LINE_BYTES = 32 << 20
STRAYS = 200
_SHOWN = 120

Message = Mapping[str, object]


def line(message: Message) -> bytes:
    """Return a message as it goes over the wire."""
    # ASCII alone: whatever a text holds, the message stays one line of valid Unicode.
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


class Messages:
    """Takes in bytes as they come and gives out messages. Raises `AcpTrouble` for a line without end, or too many that are no message.

    Some programs print a greeting or a warning where only messages belong: a few such lines are passed over.
    """

    def __init__(self, line_bytes: int = LINE_BYTES, strays: int = STRAYS) -> None:
        self._line_bytes = line_bytes
        self._most = strays
        self._buffer = bytearray()
        self._searched = 0
        self._strays = 0
        self._first = b""

    @property
    def strays(self) -> str:
        """Say what came that is no message; empty where nothing did."""
        if not self._strays:
            return ""
        return f"{self._strays} lines came that are no message, the first: {self._first[:_SHOWN]!r}"

    def feed(self, data: bytes) -> None:
        """Take in bytes."""
        self._buffer += data

    def messages(self) -> Iterator[Message]:
        """Yield the messages that are complete by now."""
        while (end := self._buffer.find(b"\n", self._searched)) >= 0:
            cut = bytes(self._buffer[:end]).strip()
            del self._buffer[: end + 1]
            self._searched = 0
            message = _read(cut)
            if message is not None:
                yield message
            elif cut:
                self.stray(cut)
        self._searched = len(self._buffer)
        if self._searched > self._line_bytes:
            raise AcpTrouble(f"it sent a line of more than {self._line_bytes} bytes")

    def stray(self, cut: bytes) -> None:
        """Count a line that belongs to nothing."""
        self._strays += 1
        self._first = self._first or cut
        if self._strays > self._most:
            raise AcpTrouble(f"it does not speak the protocol: {self.strays}")


def _read(cut: bytes) -> Message | None:
    try:
        value = json.loads(cut)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
