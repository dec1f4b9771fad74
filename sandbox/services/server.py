"""One server for one branch: a process in a bubblewrap of its own, without network, that ends with its owner."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, Self

from sandbox.errors import ServiceUnavailable
from sandbox.local import LocalSandbox, needed_filter
from sandbox.quota import Quota, Room
from sandbox.sandbox import Command, Completed, Limits, Policy, Process, Root
from sandbox.scratch import Scratch

FOLDER = Path("/service")
"""Where a server sees its folder."""

_LIMITS = Limits(
    wall_s=None,
    memory_bytes=1 << 30,
    processes=128,
    file_bytes=2 << 30,
    tmp_bytes=2 << 30,
    output_bytes=1 << 14,
    address_bytes=8 << 30,
)
_COMMAND = Limits(wall_s=120.0, output_bytes=1 << 14, address_bytes=8 << 30)
_START_S = 60.0
_PAUSE_S = 0.02
_TOLD_BYTES = 600
_STOP = "stop"
# A shell beside the server waits for a word to end it well: processes of two commands cannot signal each other.
_SERVE = f'"$@" & server=$!; (read -r _ <{_STOP}; kill -INT "$server") & wait "$server"'


class Engine(Protocol):
    """One kind of server."""

    @property
    def name(self) -> str: ...
    @property
    def socket(self) -> str:
        """The name of its socket in its folder."""
        ...

    @property
    def command(self) -> tuple[str, ...]:
        """What serves."""
        ...

    @property
    def ready(self) -> tuple[str, ...]:
        """What exits with 0 once it serves."""
        ...

    @property
    def made_of(self) -> tuple[bytes, ...]:
        """What its template depends on."""
        ...

    def make(self, server: Server) -> None:
        """Fill an empty folder with what it begins with."""
        ...

    def load(self, server: Server) -> None:
        """Put the dump into it, once it serves for the first time."""
        ...

    def keep(self, server: Server) -> None:
        """Have it write down what it holds, before it is ended well."""
        ...


class Server:
    """The folder of a server, and the server once it serves. `close` ends it and removes the folder."""

    def __init__(self, scratch: Path) -> None:
        filter_program = needed_filter()
        kept = Scratch(scratch)
        self._kept = kept.path
        self.folder = kept.path / "service"
        self.folder.mkdir(mode=0o700)
        self._sandbox = _ServerSandbox(Root(self.folder, FOLDER), Policy(), kept, filter_program)
        self._ended = ExitStack()
        self._process: Process | None = None

    def fill(self, template: Path) -> None:
        """Copy a template into the folder. Raises `ServiceUnavailable`."""
        words = ["cp", "-a", "--reflink=auto", "--", f"{template}/.", os.fspath(self.folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServiceUnavailable(f"the template {template} cannot be copied: {done.stderr.strip()[-_TOLD_BYTES:]}")

    def put(self, name: str, data: bytes) -> str:
        """Give its commands a read-only file; return its path inside."""
        return self._sandbox.put(name, data)

    def run(self, *argv: str, stdin: bytes = b"") -> Completed:
        """Run a command that sees the folder as the server does."""
        return self._sandbox.run(Command(argv, str(FOLDER), stdin=stdin), _COMMAND)

    def must(self, what: str, *argv: str, stdin: bytes = b"") -> None:
        """Run a command that has to succeed. Raises `ServiceUnavailable`."""
        completed = self.run(*argv, stdin=stdin)
        if not completed.ok:
            raise ServiceUnavailable(f"{what}: {told(completed)}")

    def serve(self, engine: Engine) -> None:
        """Start the server, and wait until it serves. Raises `ServiceUnavailable`."""
        os.mkfifo(self.folder / _STOP, 0o600)
        serving = Command(("sh", "-c", _SERVE, "serve", *engine.command), str(FOLDER))
        self._process = self._ended.enter_context(self._sandbox.start(serving, _LIMITS))
        self._wait(engine, time.monotonic, self._process)

    def socket(self, engine: Engine) -> Path:
        """Return its socket, by a name that nothing in there can point elsewhere. Raises `ServiceUnavailable` for what is none."""
        name = self._kept / engine.socket
        os.link(self.folder / engine.socket, name, follow_symlinks=False)
        if not stat.S_ISSOCK(name.lstat().st_mode):
            raise ServiceUnavailable(f"what {engine.name} left at {engine.socket} is no socket: correct its dump")
        return name

    def end(self) -> None:
        """End the server well: what it held is whole in the folder. Raises `ServiceUnavailable`."""
        assert self._process is not None
        self.must("the server cannot be told to end", "sh", "-c", f"echo >{_STOP}")
        if self._process.wait(_START_S) is None:
            raise ServiceUnavailable(
                f"the server did not end within {_START_S:g} s: try again when the machine is less busy"
            )
        (self.folder / _STOP).unlink()

    def close(self) -> None:
        """End the server, and remove its folder."""
        self._ended.close()
        self._sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _wait(self, engine: Engine, clock: Callable[[], float], process: Process) -> None:
        last = clock() + _START_S
        while not self.run(*engine.ready).ok:
            ended = process.wait(_PAUSE_S)
            if ended is not None:
                raise ServiceUnavailable(f"{engine.name} does not start: {told(ended)}")
            if clock() > last:
                raise ServiceUnavailable(
                    f"{engine.name} does not answer within {_START_S:g} s: try again when the machine is less busy"
                )


def told(completed: Completed) -> str:
    """Return how a command went, and the end of what it said."""
    said = (completed.stderr or completed.stdout).decode("utf-8", "replace").strip()[-_TOLD_BYTES:]
    how = f"exit status {completed.exit_status}" if completed.exit_status is not None else completed.ended
    return f"{how}{f' ({completed.why})' if completed.why else ''}: {said or 'it said nothing'}"


class _ServerSandbox(LocalSandbox):
    """A sandbox whose tree counts as its room on the disk."""

    def _room(self, limits: Limits) -> Room:
        return Quota(self._root.source, limits.tmp_bytes)
