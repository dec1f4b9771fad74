"""The events of a streamed reply, cut out of its bytes (Server-Sent Events, WHATWG HTML, as far as chats use them)."""

from __future__ import annotations

EVENT_BYTES = 4 << 20


class Events:
    """Takes bytes as they come and gives the data of each whole event; comments and other fields are passed over."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def take(self, piece: bytes) -> list[str]:
        """Return the data of the events that end in `piece`. Raises ValueError for an event that has no end."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) + sum(map(len, self._data)) > EVENT_BYTES:
            raise ValueError(f"an event of the stream has more than {EVENT_BYTES} bytes")
        whole = []
        for line in lines:
            line = line.rstrip(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                whole.append(b"\n".join(self._data).decode("utf-8", "replace"))
                self._data = []
        return whole

    def end(self) -> list[str]:
        """Return the data of an event that the end of the stream ends."""
        return self.take(b"\n\n")
