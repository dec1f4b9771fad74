"""Keeps a container up for as long as nightcrew holds its input, measures what runs in it, and carries its command's channel.

It belongs to another user than the commands, so none can end, stop or trace it. Frames: a letter, four bytes of length, the rest.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import struct
import sys

HEAD = struct.Struct(">cI")
CHUNK = 1 << 16
WINDOW = 1 << 20
"""The most bytes in each direction that the other side has not taken yet."""
CGROUP = "/sys/fs/cgroup"


def tell(kind: bytes, data: bytes = b"") -> None:
    """Send a frame; nightcrew always reads."""
    left = memoryview(HEAD.pack(kind, len(data)) + data)
    while left:
        left = left[os.write(1, left) :]


def text(*places: str) -> str:
    """Return the content of the first of these files that there is."""
    for place in places:
        try:
            with open(f"{CGROUP}/{place}", encoding="ascii") as file:
                return file.read()
        except OSError:
            continue
    return ""


def field(name: str, said: str) -> int:
    """Return the number beside `name`."""
    return next((int(line.split()[1]) for line in said.splitlines() if line.startswith(name + " ")), 0)


def used_s(own_s: float) -> float:
    """Return the seconds of CPU that the container used, without this process's."""
    nanoseconds = text("cpuacct/cpuacct.usage", "cpu,cpuacct/cpuacct.usage")
    whole = int(nanoseconds) / 1e9 if nanoseconds else field("usage_usec", text("cpu.stat")) / 1e6
    return max(whole - own_s, 0.0)


def measure() -> dict[str, float]:
    """Measure the container: what the kernel counts of it, and the sums over its processes but its own two."""
    page, tick = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    processes, ticks, pages = 0, 0, 0
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in (1, os.getpid()):
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            with open(f"/proc/{name}/statm", "rb") as file:
                memory = file.read().split()
        except OSError:
            continue
        processes += 1
        ticks += sum(map(int, fields[11:15]))
        # Pages of files and shared memory are counted by whoever maps them: they are left out of the sum.
        pages += max(int(memory[1]) - int(memory[2]), 0)
    own = os.times()
    return {
        "processes": processes,
        "cpu_s": ticks / tick,
        "bytes": pages * page,
        "group_s": used_s(own.user + own.system),
        "tasks": int(text("pids/pids.current", "pids.current") or -1),
        "refusals": field("max", text("pids/pids.events", "pids.events")),
        "kills": field("oom_kill", text("memory/memory.oom_control", "memory.events")),
    }


class Channel:
    """The connection of one command: what comes from it goes to nightcrew, and the other way round."""

    def __init__(self, selector: selectors.BaseSelector, uid: int) -> None:
        self._selector = selector
        self._uid = uid
        self._listener: socket.socket | None = None
        self._end: socket.socket | None = None
        self._waiting = bytearray()
        self._ended = False
        self._heard_end = False
        self._room = WINDOW

    def open(self, name: bytes) -> None:
        """Wait for a command to connect to the abstract socket `name`."""
        self.close()
        self._waiting, self._ended, self._heard_end, self._room = bytearray(), False, False, WINDOW
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(b"\0" + name)
        self._listener.listen(1)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        tell(b"o")

    def close(self) -> None:
        """End the connection, and listen no more."""
        for each in (self._listener, self._end):
            if each is not None:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(each)
                each.close()
        self._listener = self._end = None

    def take(self, data: bytes) -> None:
        """Pass on what nightcrew said."""
        self._waiting += data
        self._watch()

    def end(self) -> None:
        """Pass on that nightcrew says no more."""
        self._ended = True
        self._flush()

    def drain(self) -> None:
        """The command has ended: where it never connected, it has nothing to say."""
        if self._listener is not None:
            self._accept(0)
        if self._end is None and not self._heard_end:
            self._heard_end = True
            tell(b"e")

    def widen(self, taken: int) -> None:
        """Nightcrew took so many bytes."""
        self._room += taken
        self._watch()

    def _accept(self, _: int) -> None:
        assert self._listener is not None
        try:
            end = self._listener.accept()[0]
        except OSError:
            return
        uid = struct.unpack("3i", end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
        if uid != self._uid:
            end.close()
            return
        self.close()
        end.setblocking(False)
        self._end = end
        self._flush()

    def _watch(self) -> None:
        if self._end is None:
            return
        events = 0 if self._heard_end or not self._room else selectors.EVENT_READ
        events |= selectors.EVENT_WRITE if self._waiting else 0
        with contextlib.suppress(KeyError):
            self._selector.unregister(self._end)
        if events:
            self._selector.register(self._end, events, self._ready)

    def _ready(self, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._flush()
        if events & selectors.EVENT_READ:
            self._hear()

    def _flush(self) -> None:
        if self._end is None:
            return
        try:
            sent = self._end.send(self._waiting) if self._waiting else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            # The command reads no more: what was for it is nobody's.
            sent = len(self._waiting)
        del self._waiting[:sent]
        if sent:
            tell(b"a", b"%d" % sent)
        if self._ended and not self._waiting:
            with contextlib.suppress(OSError):
                self._end.shutdown(socket.SHUT_WR)
        self._watch()

    def _hear(self) -> None:
        assert self._end is not None
        try:
            data = self._end.recv(min(CHUNK, self._room))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._room -= len(data)
        self._heard_end = not data
        tell(b"c" if data else b"e", data)
        self._watch()


class Keeper:
    """Reads nightcrew's frames and does what they say."""

    def __init__(self, uid: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._channel = Channel(self._selector, uid)
        self._heard = bytearray()

    def serve(self) -> None:
        """Serve until nightcrew's end is closed."""
        self._selector.register(0, selectors.EVENT_READ)
        tell(b"u")
        while True:
            for key, events in self._selector.select():
                if key.data is not None:
                    key.data(events)
                    continue
                data = os.read(0, CHUNK)
                if not data:
                    return
                self._heard += data
                for kind, frame in self._frames():
                    self._do(kind, frame)

    def _frames(self) -> list[tuple[bytes, bytes]]:
        frames = []
        while len(self._heard) >= HEAD.size:
            kind, length = HEAD.unpack_from(self._heard)
            if len(self._heard) < HEAD.size + length:
                break
            frames.append((kind, bytes(self._heard[HEAD.size : HEAD.size + length])))
            del self._heard[: HEAD.size + length]
        return frames

    def _do(self, kind: bytes, data: bytes) -> None:
        if kind == b"m":
            tell(b"m", json.dumps(measure()).encode())
        elif kind == b"o":
            self._channel.open(data)
        elif kind == b"c":
            self._channel.take(data)
        elif kind == b"e":
            self._channel.end()
        elif kind == b"a":
            self._channel.widen(int(data))
        elif kind == b"d":
            self._channel.drain()
        elif kind == b"q":
            self._channel.close()


if __name__ == "__main__":
    Keeper(int(sys.argv[1])).serve()
