"""Messages between a host, its zygote and its servers: one JSON document each, with descriptors, on a stream socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any

_HEADER_BYTES = 4
_DESCRIPTORS = 4


def send(channel: socket.socket, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Send one message; its descriptors go with its first byte."""
    data = json.dumps(message).encode()
    framed = len(data).to_bytes(_HEADER_BYTES, "big") + data
    sent = socket.send_fds(channel, [framed], descriptors) if descriptors else 0
    channel.sendall(framed[sent:])


def receive(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return the next message and its descriptors; raise `EOFError` when the other side has ended."""
    data, descriptors, _, _ = socket.recv_fds(channel, _HEADER_BYTES, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
    header = data + _read(channel, _HEADER_BYTES - len(data)) if data else b""
    if not header:
        raise EOFError("the other side has ended")
    message = json.loads(_read(channel, int.from_bytes(header, "big")))
    return message, descriptors


def _read(channel: socket.socket, count: int) -> bytes:
    parts = []
    while count:
        part = channel.recv(min(count, 1 << 20))
        if not part:
            raise EOFError("the other side has ended")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
