"""JSON-RPC with one agent over a socket, in blocking calls and without a thread: whoever waits also serves.

Between two calls nothing is read, so an agent that floods is held up by the socket, not kept in memory.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from socket import socket

from agents.acp.errors import AcpTrouble, Declined
from agents.acp.messages import Message, Messages, line

_CHUNK_BYTES = 1 << 18
_UNSENT_BYTES = 64 << 20
_POLL_S = 0.05
_OWED = 100
TURN_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Later:
    """An answer that is not there yet; `look` returns it once it is."""

    look: Callable[[], Message | None]


Serve = Callable[[str, object], "Message | Later"]
"""Answers an agent's request; `Declined` is told to it."""
Hear = Callable[[str, object], None]
"""Takes an agent's notification."""


class Connection:
    """One conversation with an agent. `poll` is called a few times a second while something is waited for, and may raise.

    Before it answers an agent may send `most_messages`.
    """

    def __init__(self, channel: socket, serve: Serve, hear: Hear, poll: Callable[[], None], most_messages: int) -> None:
        self._channel = channel
        self._channel.setblocking(False)
        self._serve = serve
        self._hear = hear
        self._poll = poll
        self._most_messages = most_messages
        self._messages = Messages()
        self._unsent = bytearray()
        self._ids = count(1)
        self._awaited = 0
        self._answer: Message | None = None
        self._owed: dict[int | str, Later] = {}
        self._heard_at = 0.0
        self._taken = [0, 0]
        self.closed = False
        """Whether the agent's end is gone."""

    def request(self, method: str, params: object, patience_s: float) -> object:
        """Ask and wait for the answer, as long as the agent says anything at all within `patience_s`, or waits for us.

        Raises `AcpTrouble`, and `Declined` where the answer is an error.
        """
        self._awaited, self._answer = next(self._ids), None
        self._send({"jsonrpc": "2.0", "id": self._awaited, "method": method, "params": params})
        self._heard_at, self._taken = time.monotonic(), [0, 0]
        while not self._answered():
            self._poll()
            self._settle()
            if time.monotonic() - self._heard_at > patience_s:
                raise AcpTrouble(f"it did not answer `{method}`, and said nothing for {patience_s:g} s{self._strays()}")
            self._exchange()
        return _result(method, self._answer or {})

    def leave(self, method: str, params: object, grace_s: float) -> None:
        """Tell the agent to give up what it was asked for last; wait for that, serving nothing."""
        deadline = time.monotonic() + grace_s
        self._serve, self._hear = _gone, _unheard
        self._owed.clear()
        self._send({"jsonrpc": "2.0", "method": method, "params": params})
        while not self._answered() and time.monotonic() < deadline:
            self._exchange()

    def _answered(self) -> bool:
        self._take()
        if self._answer is None and self.closed:
            raise AcpTrouble(f"it ended{self._strays()}")
        return self._answer is not None

    def _strays(self) -> str:
        return f"; {self._messages.strays}" if self._messages.strays else ""

    def _send(self, message: Message) -> None:
        self._unsent += line(message)
        if len(self._unsent) > _UNSENT_BYTES:
            raise AcpTrouble(f"it does not read: {len(self._unsent)} bytes wait to be taken")

    def _exchange(self) -> None:
        readable, writable, _ = select.select([self._channel], [self._channel] if self._unsent else [], [], _POLL_S)
        try:
            if writable:
                del self._unsent[: self._channel.send(self._unsent[:_CHUNK_BYTES])]
            if readable:
                data = self._channel.recv(_CHUNK_BYTES)
                self.closed = not data
                self._messages.feed(data)
                self._heard_at = time.monotonic()
                self._count(0, len(data), TURN_BYTES, "bytes")
        except BlockingIOError:
            pass
        except OSError:
            self.closed = True

    def _count(self, which: int, more: int, most: int, what: str) -> None:
        self._taken[which] += more
        if self._taken[which] > most:
            raise AcpTrouble(f"it floods: more than {most} {what} came before it answered")

    def _take(self) -> None:
        for message in self._messages.messages():
            self._count(1, 1, self._most_messages, "messages")
            self._dispatch(message)
            # What was done for it may have taken a while.
            self._heard_at = time.monotonic()

    def _dispatch(self, message: Message) -> None:
        match message:
            case {"method": str(method), "id": int() | str() as number, **rest} if not isinstance(number, bool):
                self._answer_to(number, method, rest.get("params"))
            case {"method": str(method), **rest} if "id" not in rest:
                self._hear(method, rest.get("params"))
            case {"id": int(number), **rest} if number == self._awaited and not isinstance(number, bool):
                self._answer = rest
            case {"id": _, "result": _} | {"id": _, "error": _}:
                pass  # To what was given up.
            case _:
                self._messages.stray(line(message))

    def _answer_to(self, number: int | str, method: str, params: object) -> None:
        try:
            served = self._serve(method, params)
            if isinstance(served, Later):
                if len(self._owed) >= _OWED:
                    raise Declined(f"{_OWED} requests wait for an answer already")
                self._owed[number] = served
            else:
                self._send({"jsonrpc": "2.0", "id": number, "result": served})
        except Declined as error:
            self._send({"jsonrpc": "2.0", "id": number, "error": {"code": error.code, "message": str(error)}})

    def _settle(self) -> None:
        for number, later in list(self._owed.items()):
            answer = later.look()
            if answer is not None:
                del self._owed[number]
                self._send({"jsonrpc": "2.0", "id": number, "result": answer})
        if self._owed:
            # Whoever waits for us is not silent.
            self._heard_at = time.monotonic()


def _result(method: str, answer: Mapping[str, object]) -> object:
    match answer.get("error"):
        case None:
            return answer.get("result")
        case {"code": int(code), "message": str(message)}:
            raise Declined(f"`{method}` was refused ({code}): {message[:500]}", code)
        case error:
            raise AcpTrouble(f"it answered `{method}` with a malformed error: {error!r:.80}")


def _gone(method: str, params: object) -> Message:
    del params
    raise Declined(f"`{method}` is not served any more: the work was cancelled")


def _unheard(method: str, params: object) -> None:
    del method, params
