"""The output of a command, held in bounded memory: its head and its tail, the middle dropped and counted."""

from __future__ import annotations

from collections import deque


class Output:
    """Keeps at most `limit_bytes` of a stream, half of them from its start and the rest from its end."""

    def __init__(self, limit_bytes: int) -> None:
        self._head = bytearray()
        self._head_bytes = (limit_bytes + 1) // 2
        self._tail: deque[bytes] = deque()
        self._tail_bytes = limit_bytes // 2
        self._held = 0
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Append `data`, dropping from the middle what exceeds the limit."""
        room = self._head_bytes - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if not data:
            return
        self._tail.append(data)
        self._held += len(data)
        while self._tail and self._held - len(self._tail[0]) >= self._tail_bytes:
            gone = len(self._tail.popleft())
            self._held -= gone
            self._dropped += gone

    def finish(self) -> tuple[bytes, int]:
        """Return what is kept, and the number of bytes that were dropped from its middle."""
        tail = b"".join(self._tail)
        extra = max(len(tail) - self._tail_bytes, 0)
        return bytes(self._head) + tail[extra:], self._dropped + extra
