"""The host's end of the channel. What comes over it was written by tested code: sizes and types are checked here."""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Iterator, Mapping
from socket import socket

from verifier.errors import ProtocolBroken
from verifier.suite import Frame, Outcome, TestResult
from verifier.trials import Behaviour

LINE_BYTES = 32 << 20
_TEXT_CHARS = 40_000
_FRAMES = 100


class Message:
    """One message, whose fields are read with the type they must have."""

    def __init__(self, fields: object) -> None:
        if not isinstance(fields, dict):
            raise ProtocolBroken(
                "a message from inside the sandbox is not an object; the tested code may write to the channel"
            )
        self._fields: Mapping[str, object] = fields
        self.type = self.text("t")

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string field, cut to a bound."""
        value = self._fields.get(name, default)
        return str(self._expect(name, value, str))[:_TEXT_CHARS]

    def number(self, name: str, default: float | None = None) -> float:
        """Return a finite number, not below zero."""
        value = self._fields.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= sys.float_info.max:
            raise ProtocolBroken(f"field `{name}` from inside the sandbox is not a number: {value!r:.80}")
        return float(value)

    def integer(self, name: str) -> int:
        """Return a whole number."""
        return int(self.number(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings; empty where the field is missing."""
        return tuple(str(self._expect(name, item, str))[:_TEXT_CHARS] for item in self._list(name))

    def results(self) -> tuple[TestResult, ...]:
        """Return the results that a trial reports in detail."""
        return tuple(Message(item).result() for item in self._list("results"))

    def flag(self, name: str) -> bool:
        """Return whether something is so."""
        return bool(self._expect(name, self._fields.get(name), bool))

    def behaviours(self, candidates: int) -> tuple[Behaviour, ...]:
        """Return what so many candidates did on each input; empty where it was not found out."""
        return tuple(Message(item).behaviour(candidates) for item in self._list("behaviours"))

    def behaviour(self, candidates: int) -> Behaviour:
        """Return the message as what candidates did on one input."""
        outcomes, shown = self.texts("outcomes"), self.texts("shown")
        if len(outcomes) != candidates or len(shown) != candidates:
            raise ProtocolBroken(f"a behaviour from inside the sandbox is not of {candidates} candidates")
        return Behaviour(
            self.text("call"),
            self.integer("size"),
            outcomes,
            shown,
            self.text("before"),
            self.text("before_shown"),
            self.flag("mutated"),
            self.flag("failing"),
        )

    def lines(self) -> dict[str, dict[str, frozenset[int]]]:
        """Return executed lines by test and path."""
        found = self._expect("lines", self._fields.get("lines", {}), dict)
        assert isinstance(found, dict)
        return {str(test): self._paths(paths) for test, paths in found.items()}

    def executed(self) -> dict[str, frozenset[int]]:
        """Return executed lines by path."""
        return self._paths(self._fields.get("lines", {}))

    def parts(self, name: str) -> tuple[Message, ...]:
        """Return a list of messages without a type, which are part of this one; empty where the field is missing."""
        return tuple(Message(item) for item in self._list(name))

    def _paths(self, found: object) -> dict[str, frozenset[int]]:
        paths = self._expect("lines", found, dict)
        assert isinstance(paths, dict)
        return {
            str(path): frozenset(_line(number) for number in _sequence("lines", numbers))
            for path, numbers in paths.items()
        }

    def result(self) -> TestResult:
        """Return the message as one test's result."""
        try:
            outcome = Outcome(self.text("outcome"))
        except ValueError as error:
            raise ProtocolBroken(f"an outcome from inside the sandbox is unknown: {error}") from None
        frames = tuple(_frame(item) for item in self._list("frames")[-_FRAMES:])
        return TestResult(
            self.text("id"), outcome, self.number("seconds"), self.text("message"), frames, self.text("output")
        )

    def _list(self, name: str) -> list[object]:
        return _sequence(name, self._fields.get(name, []))

    def _expect(self, name: str, value: object, kind: type) -> object:
        if not isinstance(value, kind):
            raise ProtocolBroken(f"field `{name}` from inside the sandbox is not a {kind.__name__}: {value!r:.80}")
        return value


def _sequence(name: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise ProtocolBroken(f"field `{name}` from inside the sandbox is not a list: {value!r:.80}")
    return value


def _line(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ProtocolBroken(f"a line number from inside the sandbox is not a number: {value!r:.80}")
    return value


def _frame(value: object) -> Frame:
    match value:
        case [str(path), int(line), str(function)]:
            return Frame(path[:_TEXT_CHARS], line, function[:_TEXT_CHARS])
    raise ProtocolBroken(f"a traceback's frame from inside the sandbox is malformed: {value!r:.80}")


class HostChannel:
    """Messages over the host's end of a command's channel."""

    def __init__(self, end: socket, total_bytes: int | None = None) -> None:
        self._socket = end
        self._total_bytes = total_bytes
        self._socket.setblocking(False)
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._received = 0
        self.ended = False

    def send(self, message: Mapping[str, object]) -> None:
        """Queue a message; `exchange` sends it."""
        self._outgoing += json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"

    def exchange(self, timeout_s: float) -> Iterator[Message]:
        """Wait for something to read or send, at most `timeout_s`; yield what has come. Raises `ProtocolBroken`."""
        if self.ended:
            return
        readable, writable, _ = select.select(
            [self._socket], [self._socket] if self._outgoing else [], [], max(0.0, timeout_s)
        )
        if writable:
            self._push()
        if readable:
            self._pull()
            yield from self._messages()

    def _push(self) -> None:
        try:
            del self._outgoing[: self._socket.send(self._outgoing[: 1 << 18])]
        except BlockingIOError:
            pass
        except OSError:
            self._outgoing.clear()

    def _pull(self) -> None:
        try:
            data = self._socket.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.ended = not data
        self._incoming += data
        self._received += len(data)
        if self._total_bytes is not None and self._received > self._total_bytes:
            raise ProtocolBroken(f"more than {self._total_bytes} bytes came over the channel")

    def _messages(self) -> Iterator[Message]:
        *lines, self._incoming = self._incoming.split(b"\n")
        for line in lines:
            try:
                fields = json.loads(line)
            except (ValueError, RecursionError):
                raise ProtocolBroken(f"a line from inside the sandbox is not JSON: {line[:80]!r}") from None
            yield Message(fields)
        if len(self._incoming) > LINE_BYTES:
            raise ProtocolBroken(f"a line from inside the sandbox is longer than {LINE_BYTES} bytes")
