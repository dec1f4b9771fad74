"""One running container of an engine out of sight: its keeper inside measures it and carries its command's channel.

The keeper's other half is `inside/keeper.py`. It reads from this process: whatever ends this, ends all in there.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.dockerconnection import Attached
from sandbox.dockerengine import Engine, Order
from sandbox.dockerplan import Held
from sandbox.dockerstream import OUT, Stream
from sandbox.errors import SandboxError

PROGRAM = Path(__file__).parent / "inside" / "keeper.py"

_HEAD = struct.Struct(">cI")
_START_S = 60.0
_ANSWER_S = 30.0
_SHORT_S = 0.05
_CLEAN_S = 0.2
_PAUSE_S = 0.01
_WINDOW = 1 << 20
_CHUNK_BYTES = 1 << 16
_OWN_TASKS = 2
"""Process 1, which takes orphans away, and the keeper."""
_ERRORS_BYTES = 2000
_LONG_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What the keeper measured: sums over the command's processes, and what the kernel counts of the container."""

    processes: int = 0
    cpu_s: float = 0.0
    bytes: int = 0
    group_s: float = 0.0
    tasks: int = -1
    refusals: int = 0
    kills: int = 0


class Line:
    """The host's end of one command's channel: passes bytes between `end` and the keeper, in bounded amounts."""

    def __init__(self, tell: Callable[[bytes, bytes], None], end: socket.socket) -> None:
        self._tell = tell
        self._end = end
        self._room = threading.Semaphore(_WINDOW // _CHUNK_BYTES)
        self._sent: list[int] = []
        self._heard: list[bytes] = []
        self._heard_bytes = self._owed = 0
        self._news = threading.Condition()
        self._draining = self._heard_end = self._closed = False
        self._on = threading.Thread(target=self._pass_on, name="sandbox-channel", daemon=True)
        self._on.start()
        threading.Thread(target=self._pass_back, name="sandbox-channel", daemon=True).start()

    def heard(self, data: bytes) -> None:
        """Take what the command said; nothing when it says no more. Raises ValueError for more than there was room for."""
        with self._news:
            self._heard.append(data)
            self._heard_bytes += len(data)
            self._owed += len(data)
            self._heard_end = self._heard_end or not data
            self._news.notify_all()
            draining = self._draining
            if self._heard_bytes > 4 * _WINDOW:
                raise ValueError("more than there is room for")
        if draining:
            self._pay()

    def taken(self, length: int) -> None:
        """The command has taken so many bytes."""
        with self._news:
            while length and self._sent:
                length -= (part := min(length, self._sent[0]))
                self._sent[0] -= part
                if not self._sent[0]:
                    self._sent.pop(0)
                    self._room.release()

    def drain(self, timeout_s: float) -> None:
        """Hear the rest of what an ended command said, read or not: no more than fits in a socket is left of it."""
        with self._news:
            self._draining = True
        with suppress(SandboxError):
            self._pay()
            self._tell(b"d", b"")
            with self._news:
                self._news.wait_for(lambda: self._heard_end or self._closed, timeout_s)

    def close(self) -> None:
        """End both directions, once what was heard is read. Safe to call twice."""
        with self._news:
            self._closed = True
            self._news.notify_all()
        self._room.release()

    def _pay(self) -> None:
        with self._news:
            owed, self._owed = self._owed, 0
        if owed:
            self._tell(b"a", b"%d" % owed)

    def _pass_on(self) -> None:
        with suppress(OSError, SandboxError):
            while data := self._end.recv(_CHUNK_BYTES):
                self._room.acquire()
                if self._closed:
                    return
                with self._news:
                    self._sent.append(len(data))
                self._tell(b"c", data)
            self._tell(b"e", b"")

    def _pass_back(self) -> None:
        with suppress(OSError, SandboxError):
            while (data := self._next()) is not None:
                if data:
                    self._end.sendall(data)
                    self._pay()
                else:
                    self._end.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        self._on.join()
        self._end.close()

    def _next(self) -> bytes | None:
        with self._news:
            self._news.wait_for(lambda: self._heard or self._closed)
            if not self._heard:
                return None
            data = self._heard.pop(0)
            self._heard_bytes -= len(data)
            return data


class RemoteContainer:
    """A container that waits for commands, one at a time."""

    def __init__(self, engine: Engine, order: Order, held: Held) -> None:
        self._engine = engine
        self.held = held
        self.killed = False
        self._figures = Figures()
        self._asked = self._answered = 0
        self._asked_at = 0.0
        self._news = threading.Condition()
        self._over = threading.Event()
        self._ready = threading.Event()
        self._opened = threading.Event()
        self._line: Line | None = None
        self._errors = b""
        self._writing = threading.Lock()
        self._attached: Attached | None = None
        self.id = engine.create(order)
        try:
            self._attached = engine.start(self.id)
            threading.Thread(target=self._hear, name="sandbox-keeper", daemon=True).start()
            self._await(self._ready, "come up")
        except BaseException:
            self.close()
            raise

    def tell(self, kind: bytes, data: bytes = b"") -> None:
        """Send the keeper a frame. Raises `SandboxError` when it cannot be reached any more."""
        assert self._attached is not None
        try:
            with self._writing:
                self._attached.write(_HEAD.pack(kind, len(data)) + data)
        except (OSError, ValueError) as error:
            raise SandboxError(f"the container cannot be reached any more: {error}") from error

    def connect(self, name: str, end: socket.socket) -> None:
        """Have the keeper wait for a command's channel; `end` is connected with it from then on."""
        self._opened.clear()
        self.tell(b"o", name.encode())
        self._await(self._opened, "open a channel")
        self._line = Line(self.tell, end)
        if self.ended():
            self.disconnect()

    def disconnect(self, rest_s: float = 0) -> None:
        """End the channel, waiting up to `rest_s` for the rest of what the command said over it."""
        line = self._line
        if line is not None:
            if rest_s:
                line.drain(rest_s)
            self._line = None
            line.close()
            with suppress(SandboxError):
                self.tell(b"q")

    def figures(self, timeout_s: float = _SHORT_S) -> Figures:
        """Return what is measured now, or what was last measured where the answer takes longer than `timeout_s`."""
        with self._news:
            if self._asked == self._answered:
                self._asked, self._asked_at = self._asked + 1, time.monotonic()
                self.tell(b"m")
            self._news.wait_for(lambda: self._answered == self._asked or self._over.is_set(), timeout_s)
            if self._answered < self._asked and time.monotonic() - self._asked_at > _ANSWER_S and not self.killed:
                raise SandboxError(f"the container told nothing for {_ANSWER_S:g} s: is the engine overloaded?")
            return self._figures

    def fresh(self) -> Figures:
        """Return what is measured now. Raises `SandboxError` where there is no answer."""
        self.figures(_ANSWER_S)
        return self.figures(_ANSWER_S)

    def ended(self, timeout_s: float = 0) -> bool:
        """Say whether it has ended, or cannot be heard any more; waits for it."""
        return self._over.wait(timeout_s)

    def kill(self) -> None:
        """Kill all processes in it, and with them the container. Safe to call again."""
        if not self.killed:
            self.killed = True
            with suppress(SandboxError):
                self._engine.kill(self.id)
            if self._attached is not None:
                self._attached.close()

    def end(self, timeout_s: float) -> None:
        """Kill all processes in it and wait until the engine says that they have ended. Raises `SandboxError`."""
        self.kill()
        self._engine.await_end(self.id, timeout_s)

    def empty(self) -> bool:
        """Say whether nothing but its own processes is left in it, waiting a moment for ended ones to be taken away."""
        deadline = time.monotonic() + _CLEAN_S
        try:
            while (tasks := self.fresh().tasks) > _OWN_TASKS and time.monotonic() < deadline:
                time.sleep(_PAUSE_S)
        except SandboxError:
            return False
        # Nothing but the kernel's own count is proof.
        return tasks == _OWN_TASKS and not self.ended()

    def close(self) -> None:
        """End it and see it gone. Safe to call twice."""
        self.disconnect()
        self.kill()
        with suppress(SandboxError):
            self._engine.remove(self.id)
            self._engine.await_removal(self.id, int(_START_S))

    def _await(self, event: threading.Event, doing: str) -> None:
        deadline = time.monotonic() + _START_S
        while not event.wait(_SHORT_S):
            if self.ended():
                said = self._errors.decode(errors="replace").strip().rpartition("\n")[2]
                raise SandboxError(f"the container ended before it could {doing}: {said or 'see the engine’s log'}")
            if time.monotonic() > deadline:
                raise SandboxError(f"the container did not {doing} within {_START_S:g} s: is the engine overloaded?")

    def _hear(self) -> None:
        assert self._attached is not None
        # Ended, or what it says is no frame: nothing of it is believed from here on.
        with suppress(OSError, SandboxError, ValueError, TypeError, KeyError, RecursionError):
            for kind, frame in self._frames(Stream(self._attached)):
                self._do(kind, frame)
        self._over.set()
        with self._news:
            self._news.notify_all()
        if (line := self._line) is not None:
            line.close()

    def _frames(self, stream: Stream) -> Iterator[tuple[bytes, bytes]]:
        heard = bytearray()
        while (piece := stream.next(_LONG_S)) is not None and len(heard) <= 4 * _WINDOW:
            if piece[0] != OUT:
                self._errors = (self._errors + piece[1])[-_ERRORS_BYTES:]
                continue
            heard += piece[1]
            while len(heard) >= _HEAD.size and len(heard) >= _HEAD.size + _HEAD.unpack_from(heard)[1]:
                kind, length = _HEAD.unpack_from(heard)
                yield kind, bytes(heard[_HEAD.size : _HEAD.size + length])
                del heard[: _HEAD.size + length]

    def _do(self, kind: bytes, data: bytes) -> None:
        if kind == b"u":
            self._ready.set()
        elif kind == b"o":
            self._opened.set()
        elif kind == b"m":
            with self._news:
                self._figures = _read(json.loads(data))
                self._answered += 1
                self._news.notify_all()
        elif (line := self._line) is not None:
            if kind == b"a":
                line.taken(int(data))
            elif kind == b"c" and data:
                line.heard(data)
            elif kind == b"e":
                line.heard(b"")


def _read(said: dict[str, float]) -> Figures:
    return Figures(
        int(said["processes"]),
        float(said["cpu_s"]),
        int(said["bytes"]),
        float(said["group_s"]),
        int(said["tasks"]),
        int(said["refusals"]),
        int(said["kills"]),
    )
