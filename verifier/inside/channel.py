"""Lines of JSON over one descriptor, which tests that close, fork or replace things do not take away."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import select
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Message = dict[str, Any]

# Tests replace functions of these modules; what is bound here stays.
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
_decode = json.JSONDecoder().decode
_write, _read, _getpid, _select = os.write, os.read, os.getpid, select.select


def out_of_reach(fd: int) -> int:
    """Move a descriptor up, where tests that close the low ones do not meet it; children that exec do not get it."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    # A descriptor table as long as a limit of a million makes every fork slow.
    for lowest in (min(900, soft - 20), 3):
        try:
            high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
        except (OSError, ValueError):
            continue
        os.close(fd)
        return high
    return fd


class Channel:
    """One end of a stream socket. Only the process that made it speaks: a child that a test forked stays silent."""

    def __init__(self, fd: int) -> None:
        self._fd = out_of_reach(fd)
        self._pid = _getpid()
        self._buffer = b""
        self.ended = False

    def fileno(self) -> int:
        return self._fd

    def send(self, message: Message) -> None:
        """Send one message, waiting until it is taken."""
        if _getpid() != self._pid:
            return
        data = memoryview(_encode(message).encode("ascii") + b"\n")
        while data:
            data = data[_write(self._fd, data) :]

    def receive(self) -> list[Message]:
        """Return the messages that have come, after waiting for bytes; sets `ended` at the end of the stream."""
        data = _read(self._fd, 1 << 20)
        self.ended = not data
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return [_decode(line.decode("utf-8")) for line in lines if line]

    def request(self) -> Message | None:
        """Wait for the first message; what follows it must not have been sent yet."""
        while not self.ended:
            messages = self.receive()
            if messages:
                return messages[0]
        return None

    def close(self) -> None:
        """Let go of the descriptor in this process."""
        os.close(self._fd)
