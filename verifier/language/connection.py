"""JSON-RPC with one server over a socket, in blocking calls with deadlines and without a thread: whoever waits also serves.

Between two calls nothing is read, so a server that floods is held up by the socket, not kept in memory.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Mapping
from itertools import count
from socket import socket

from verifier.errors import ServerFailed, ServerRefused, ServerSilent
from verifier.language.framing import Framing, framed

_CHUNK_BYTES = 1 << 20
_UNSENT_BYTES = 64 << 20
_POLL_S = 0.05
_STRAYS = 1000
_NO_METHOD = -32601
_CANCEL = "$/cancelRequest"

Serve = Callable[[str, object], object]
"""Answers a server's request; `NotImplementedError` for a method it does not know."""
Hear = Callable[[str, object], None]
"""Takes a server's notification."""


class Connection:
    """One conversation with a server. `poll` is called a few times a second while something is waited for, and may raise."""

    def __init__(self, channel: socket, serve: Serve, hear: Hear, poll: Callable[[], None] = lambda: None) -> None:
        self._channel = channel
        self._channel.setblocking(False)
        self._serve = serve
        self._hear = hear
        self._poll = poll
        self._framing = Framing()
        self._unsent = bytearray()
        self._ids = count(1)
        self._waiting: set[int] = set()
        self._answers: dict[int, Mapping[object, object]] = {}
        self._cancelled: set[int] = set()
        self.closed = False
        """Whether the server's end is gone."""
        self.strays = 0
        """Answers to what nobody asked, and messages that are neither request, notification nor answer."""

    def request(self, method: str, params: object, timeout_s: float) -> object:
        """Ask and wait for the answer. Raises `ServerSilent` (and cancels), `ServerRefused`, `ServerFailed`."""
        number = next(self._ids)
        self._waiting.add(number)
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        try:
            answered = self.wait(lambda: number in self._answers, timeout_s)
        finally:
            self._waiting.discard(number)
            if number not in self._answers:
                self._cancelled.add(number)
                self.notify(_CANCEL, {"id": number})
        if not answered:
            stray = f" ({self.strays} answers came that nobody had asked for)" if self.strays else ""
            raise ServerSilent(f"`{method}` was not answered within {timeout_s:g} s{stray}")
        return _result(method, self._answers.pop(number))

    def notify(self, method: str, params: object) -> None:
        """Tell the server something."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def wait(self, until: Callable[[], bool], timeout_s: float) -> bool:
        """Serve the server until `until` holds; say whether it did before `timeout_s` passed. Raises `ServerFailed`."""
        deadline = time.monotonic() + timeout_s
        self._take()
        while not until():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._poll()
            self._exchange(min(left, _POLL_S))
        # What was still to be sent goes out as far as it can without waiting.
        self._exchange(0, reading=False)
        return True

    def _send(self, message: object) -> None:
        self._unsent += framed(message)
        if len(self._unsent) > _UNSENT_BYTES:
            raise ServerFailed(f"it does not read: {len(self._unsent)} bytes wait to be taken")

    def _exchange(self, timeout_s: float, *, reading: bool = True) -> None:
        reads, writes = [self._channel] if reading else [], [self._channel] if self._unsent else []
        readable, writable, _ = select.select(reads, writes, [], timeout_s)
        try:
            if writable:
                del self._unsent[: self._channel.send(self._unsent[:_CHUNK_BYTES])]
            if readable:
                data = self._channel.recv(_CHUNK_BYTES)
                self.closed = not data
                self._framing.feed(data)
        except BlockingIOError:
            pass
        except OSError:
            self.closed = True
        self._take()
        if self.closed:
            raise ServerFailed("it closed its end")

    def _take(self) -> None:
        for message in self._framing.messages():
            match message:
                case {"method": str(method), "id": int() | str() as number, **rest}:
                    self._send({"jsonrpc": "2.0", "id": number, **self._served(method, rest.get("params"))})
                case {"method": str(method), **rest}:
                    self._hear(method, rest.get("params"))
                case {"id": int(number), **rest} if number in self._waiting and not isinstance(number, bool):
                    self._answers.setdefault(number, rest)
                case {"id": int(number)} if number in self._cancelled:
                    self._cancelled.discard(number)
                case _:
                    self._stray()

    def _served(self, method: str, params: object) -> Mapping[str, object]:
        try:
            return {"result": self._serve(method, params)}
        except NotImplementedError:
            return {"error": {"code": _NO_METHOD, "message": f"{method} is not known here"}}

    def _stray(self) -> None:
        self.strays += 1
        if self.strays > _STRAYS:
            raise ServerFailed(f"it sent more than {_STRAYS} messages that belong to nothing")


def _result(method: str, answer: Mapping[object, object]) -> object:
    match answer.get("error"):
        case None:
            return answer.get("result")
        case {"code": int(code), "message": str(message)}:
            raise ServerRefused(f"`{method}` was refused ({code}): {message[:500]}", code)
        case error:
            raise ServerFailed(f"it answered `{method}` with a malformed error: {error!r:.80}")
