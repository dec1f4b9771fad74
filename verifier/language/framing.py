"""The base protocol: messages with headers, cut out of a stream that is not to be trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from verifier.errors import ServerFailed

HEAD_BYTES = 8192
BODY_BYTES = 64 << 20
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"^Content-Length:[ \t]*(\d{1,19})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


def framed(message: object) -> bytes:
    """Return a message as it goes over the wire."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Framing:
    """Takes in bytes as they come and gives out messages. Raises `ServerFailed` for what is none, or is too long."""

    def __init__(self, body_bytes: int = BODY_BYTES) -> None:
        self._body_bytes = body_bytes
        self._buffer = bytearray()
        self._wanted: int | None = None

    def feed(self, data: bytes) -> None:
        """Take in bytes."""
        self._buffer += data

    def messages(self) -> Iterator[object]:
        """Yield the messages that are complete by now."""
        while (body := self._body()) is not None:
            try:
                yield json.loads(body)
            except (ValueError, RecursionError) as error:
                raise ServerFailed(f"it sent a message that is not JSON ({error}): {bytes(body[:80])!r}") from None

    def _body(self) -> bytearray | None:
        if self._wanted is None and not self._head():
            return None
        assert self._wanted is not None
        if len(self._buffer) < self._wanted:
            return None
        body = self._buffer[: self._wanted]
        del self._buffer[: self._wanted]
        self._wanted = None
        return body

    def _head(self) -> bool:
        """Take a head off the buffer, if it is there whole; remember how long its body is."""
        end = _HEAD_END.search(self._buffer, 0, HEAD_BYTES)
        head = bytes(self._buffer[: end.start() if end else HEAD_BYTES])
        if end is None and len(self._buffer) < HEAD_BYTES and _like_head(head):
            return False
        length = _LENGTH.search(head) if end else None
        if end is None or length is None or not _like_head(head):
            raise ServerFailed(f"it wrote what is no message of the protocol: {head[:80]!r}")
        self._wanted = int(length[1])
        if self._wanted > self._body_bytes:
            raise ServerFailed(f"it announced a message of {self._wanted} bytes; at most {self._body_bytes} are read")
        del self._buffer[: end.end()]
        return True


def _like_head(head: bytes) -> bool:
    """Say whether this may be headers: all that do not begin so are what a program prints by mistake."""
    return head[:8].lower() == b"content-"[: len(head[:8])]
