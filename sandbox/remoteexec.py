"""A command in a container of an engine out of sight: its outputs are the engine's stream, its end is asked for."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress

import psutil

from sandbox.cage import Started, Verdict
from sandbox.dockerconnection import Attached
from sandbox.dockerengine import Engine
from sandbox.dockerexec import KILLED, PLUG_PYTHON, ended_from_outside, held_to, read_verdict
from sandbox.dockerplan import User
from sandbox.dockerstream import OUT, Stream
from sandbox.errors import SandboxError
from sandbox.meter import Meter
from sandbox.remotecontainer import Figures, RemoteContainer
from sandbox.sandbox import Command, Ended, Limits

_NAME = "nightcrew"
_END_S = 30.0
_LAST_S = 0.1
_REST_S = 2.0
_LOOK_S = 0.5
_PAUSE_S = 0.002
_SLOWEST_S = 0.05

# The first thing of ours inside: takes its input, its limits and its channel, and becomes the command.
_BEGIN = """\
input=$1; directory=$2; channel=$3; shift 3
exec <"$input" || exit 1
ulimit -Sn 1024 2>/dev/null
while [ "$1" != -- ]; do ulimit "$1" "$2" || exit 1; shift 2; done; shift
cd -- "$directory" || exit 125
[ "$channel" = no ] && exec "$@"
exec python3 -I -S -c "$PLUG_PYTHON" "$channel" "$@"
"""


class RemoteExecution:
    """What starts one command in a container, and the cage that it is in there.

    `ship` makes the tree there what it is here, and returns where the command's input is; `collect` does the reverse, told
    whether the container is clean.
    """

    def __init__(
        self,
        engine: Engine,
        take: Callable[[], RemoteContainer],
        give_back: Callable[[RemoteContainer, bool], None],
        ship: Callable[[], str],
        collect: Callable[[], None],
        user: User,
        command: Command,
        directory: str,
        limits: Limits,
        channel: tuple[str, socket.socket] | None,
    ) -> None:
        self._engine = engine
        self._take = take
        self._give_back = give_back
        self._ship = ship
        self._bring_back: Callable[[], None] | None = collect
        self._user = user
        self._command = command
        self._directory = directory
        self._limits = limits
        self._channel = channel
        self._container: RemoteContainer | None = None
        self._before = self._after = Figures()
        self._code: int | None = None
        self._failed: SandboxError | None = None
        self._clean = False

    @property
    def name(self) -> str:
        """The command's program."""
        return self._command.argv[0]

    def start(self, stack: ExitStack) -> Started:
        """Ship what changed, and have the engine start the command. Raises `SandboxError`."""
        where = self._ship()
        container = self._container = self._take()
        self._before = self._after = container.fresh()
        channel = "no"
        if self._channel is not None:
            channel = "@" + self._channel[0]
            container.connect(*self._channel)
            # From here on the container's.
            self._channel = None
        own = (where, self._directory, channel, *held_to(self._limits), "--")
        argv = ("/bin/sh", "-c", _BEGIN, _NAME, *own, *self._command.argv)
        environment = {**self._command.environment, **({} if channel == "no" else {"PLUG_PYTHON": PLUG_PYTHON})}
        process, attached = self._engine.attached(container.id, argv, str(self._user), environment)
        stack.callback(attached.close)
        out, err, exited = (self._pipe(stack) for _ in range(3))
        work = (process, attached, out[1], err[1], exited[1])
        threading.Thread(target=self._pump, args=work, name="sandbox-output", daemon=True).start()
        return Started(0, exited[0], (out[0], err[0]), self._collect)

    def measured(self) -> Figures:
        """Return what the command's processes use. Raises `SandboxError` when its container has gone."""
        container = self._running
        if container.ended() and not container.killed:
            raise SandboxError(f"the container of {self.name} ended while it ran: {ended_from_outside()}")
        with suppress(*((SandboxError,) if container.killed else ())):
            self._after = container.figures()
        return self._after

    @property
    def listens(self) -> Mapping[int, Callable[[bytes], None]]:
        """Nothing is told."""
        return {}

    def spawned(self, pid: int) -> None:
        """Know nothing of it: it is no process of this machine."""

    def members(self) -> list[psutil.Process]:
        """Return none: `measured` has their sums."""
        return []

    def refused(self) -> bool:
        """Say whether the container's count of refusals has grown since the command's start."""
        return self._after.refusals > self._before.refusals

    def kill(self) -> bool:
        """Kill the container, and with it all in it."""
        self._running.kill()
        return True

    def settle(self, timeout_s: float) -> bool:
        """Make sure that nothing of the command is left, then take back what it wrote. Raises `SandboxError`."""
        bring_back, self._bring_back = self._bring_back, None
        if bring_back is None or self._container is None:
            return True
        container = self._container
        self._clean = not container.killed and container.empty()
        if not self._clean:
            container.end(timeout_s)
        bring_back()
        return True

    def verdict(self, exit_code: int, stderr: bytes) -> Verdict:
        """Read the end out of the exit code. Raises `SandboxError` when the command could not be set up."""
        return read_verdict(self._command, exit_code, stderr, self._after.kills - self._before.kills)

    def close(self) -> None:
        """Give the container back."""
        if self._channel is not None:
            self._channel[1].close()
        if self._container is not None:
            self._container.disconnect()
            self._give_back(self._container, self._clean)

    @property
    def _running(self) -> RemoteContainer:
        assert self._container is not None
        return self._container

    def _pipe(self, stack: ExitStack) -> tuple[int, int]:
        read, write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(read, False)
        stack.callback(os.close, read)
        return read, write

    def _pump(self, process: str, attached: Attached, out: int, err: int, exited: int) -> None:
        """Pass on what the command says, until it has ended; then its code is known."""
        try:
            self._pass_on(process, Stream(attached), out, err)
            self._await_code(process)
        except SandboxError as error:
            self._failed = error
        except OSError as error:
            self._failed = SandboxError(f"the engine went away while {self.name} ran: {error}")
        finally:
            for descriptor in (out, err, exited):
                os.close(descriptor)

    def _pass_on(self, process: str, stream: Stream, out: int, err: int) -> None:
        while True:
            try:
                piece = stream.next(_LOOK_S)
            except TimeoutError:
                # What it left running holds its outputs open.
                if self._engine.executed(process)[1] is not None:
                    return
                continue
            except OSError:
                # Its end is asked for; where the engine has gone that says so.
                return
            if piece is None:
                return
            left = memoryview(piece[1])
            while left:
                left = left[os.write(out if piece[0] == OUT else err, left) :]

    def _await_code(self, process: str) -> None:
        pause_s = _PAUSE_S
        while not self._running.killed:
            code = self._engine.executed(process)[1]
            # Where somebody kills the whole container, the command is the first to go.
            if code is not None and (code != KILLED or not self._running.ended(_LAST_S)):
                self._code = code
                return
            if self._running.ended():
                return
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _SLOWEST_S)

    def _collect(self) -> tuple[float, int]:
        container = self._running
        if not container.killed and self._code is not None:
            self._after = container.fresh()
            container.disconnect(_REST_S)
        cpu_s = max(self._after.group_s - self._before.group_s, 0.0)
        if container.killed:
            return cpu_s, -signal.SIGKILL
        if self._code is None:
            raise self._failed or SandboxError(
                f"the container of {self.name} ended while it ran: {ended_from_outside()}"
            )
        return cpu_s, self._code


class RemoteMeter(Meter):
    """Meters a command by what is measured in its container."""

    def __init__(self, limits: Limits, measured: Callable[[], Figures]) -> None:
        super().__init__(limits)
        self._measured = measured

    def sample(self, processes: list[psutil.Process]) -> tuple[Ended, str] | None:  # noqa: ARG002 - there are none here
        """Take what was measured."""
        figures = self._measured()
        return self.took(figures.cpu_s, figures.bytes, figures.processes)
