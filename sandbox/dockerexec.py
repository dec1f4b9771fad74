"""A command in a container: started by the engine, driven over pipes of this machine, ended with its container if need be."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil

from sandbox.cage import Started, Verdict
from sandbox.dockercontainer import Container
from sandbox.dockerengine import Engine
from sandbox.dockerplan import ENDS, User
from sandbox.environment import CHANNEL, SYSTEM_PATH
from sandbox.errors import SandboxError
from sandbox.meter import descendants
from sandbox.sandbox import Command, Ended, Limits

_NAME = "nightcrew"
_START_S = 30.0
_PAUSE_S = 0.002
_LAST_S = 0.1
KILLED = 128 + signal.SIGKILL

_FATAL = frozenset((*range(1, 16), *range(24, 28), 31)) - {int(signal.SIGCHLD)}
"""The signals that end a process: the engine passes their end on as 128 and the number."""

# The first thing of ours inside: takes its ends of the pipes, waits until it is metered, and becomes the command.
_BEGIN = f"""\
ends=$1; directory=$2; channel=$3; shift 3
exec <"$ends/in" >"$ends/out" 2>"$ends/err" || exit 1
echo ready >"$ends/asks"; read -r answer <"$ends/answers" && [ "$answer" = go ] || exit 1
ulimit -Sn 1024 2>/dev/null
while [ "$1" != -- ]; do ulimit "$1" "$2" || exit 1; shift 2; done; shift
cd -- "$directory" || exit 125
[ "$channel" = no ] && exec "$@"
for tool in python3 python perl; do
  plug=$(PATH={SYSTEM_PATH}:$PATH; command -v $tool) || continue
  case $tool in perl) exec "$plug" -MSocket -e "$PLUG_PERL" "$ends/channel" "$@";; esac
  exec "$plug" -I -S -c "$PLUG_PYTHON" "$ends/channel" "$@"
done
echo "the image has neither python3 nor perl, one of which a command with a channel needs" >&2; exit 124
"""
PLUG_PYTHON = f"""\
import fcntl, os, signal, socket, sys
end = socket.socket(socket.AF_UNIX)
end.connect("\\0" + sys.argv[1][1:] if sys.argv[1][0] == "@" else sys.argv[1])
for name in ("PLUG_PYTHON", "PLUG_PERL"): os.environ.pop(name, None)
os.environ["{CHANNEL}"] = str(fcntl.fcntl(end.fileno(), fcntl.F_DUPFD, 10))
for number in (signal.SIGPIPE, signal.SIGXFSZ): signal.signal(number, signal.SIG_DFL)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.stderr.write("{_NAME}: %s: %s\\n" % (sys.argv[2], error.strerror))
    sys.exit(127)
"""
_PLUG_PERL = f"""\
my $path = shift; socket(my $end, AF_UNIX, SOCK_STREAM, 0) or die; connect($end, sockaddr_un($path)) or die;
delete @ENV{{"PLUG_PYTHON", "PLUG_PERL"}}; $ENV{{{CHANNEL}}} = fcntl($end, 0, 10);
exec {{ $ARGV[0] }} @ARGV; print STDERR "{_NAME}: $ARGV[0]: $!\\n"; exit 127;
"""
_PLUGS = {"PLUG_PYTHON": PLUG_PYTHON, "PLUG_PERL": _PLUG_PERL}
_NO_PLUG = 124
_NO_DIRECTORY = 125


class Ends:
    """A directory with a command's ends of its pipes, and the socket to connect its channel to where it has one."""

    def __init__(self, path: Path, user: User, stdin: bytes, listener: socket.socket | None) -> None:
        self.path = path
        self.channel = listener is not None
        path.mkdir()
        for name in ("out", "err", "asks", "answers"):
            os.mkfifo(path / name, 0o600)
        (path / "in").write_bytes(stdin)
        if listener is not None:
            directory = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            # The path itself may be longer than a socket's address can be.
            listener.bind(f"/proc/self/fd/{directory}/channel")
            os.close(directory)
            listener.listen(1)
        if os.getuid() == 0:
            for each in path.iterdir():
                os.chown(each, user.uid, user.gid, follow_symlinks=False)

    def reader(self, name: str, stack: ExitStack) -> int:
        """Return a descriptor that reads from a pipe, closed by `stack`."""
        descriptor = os.open(self.path / name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        stack.callback(os.close, descriptor)
        return descriptor

    def close(self) -> None:
        """Remove them."""
        for each in self.path.iterdir():
            each.unlink()
        self.path.rmdir()


class Execution:
    """What starts one command in a container, and the cage that it is in there."""

    def __init__(
        self,
        engine: Engine,
        take: Callable[[], Container],
        give_back: Callable[[Container, bool], None],
        ends: Ends,
        user: User,
        command: Command,
        directory: str,
        limits: Limits,
    ) -> None:
        self._engine = engine
        self._take = take
        self._give_back = give_back
        self._ends = ends
        self._user = user
        self._command = command
        self._directory = directory
        self._limits = limits
        self._container: Container | None = None
        self._main = 0
        self._before_s = 0.0
        self._kills = self._refusals = 0
        self._clean = False

    @property
    def name(self) -> str:
        """The command's program."""
        return self._command.argv[0]

    def start(self, stack: ExitStack) -> Started:
        """Have the engine start the command, and let it go on once it can be metered. Raises `SandboxError`."""
        outputs = self._ends.reader("out", stack), self._ends.reader("err", stack)
        asks = self._ends.reader("asks", stack)
        answers = os.open(self._ends.path / "answers", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        stack.callback(os.close, answers)
        container = self._container = self._take()
        process = self._engine.execute(container.id, self._argv(), str(self._user), self._environment())
        if not select.select([asks], [], [], _START_S)[0] or not os.read(asks, 16):
            raise SandboxError(f"{self.name} was not started by the engine within {_START_S:g} s: is it overloaded?")
        self._main, _ = self._engine.executed(process)
        if not container.holds(self._main):
            raise SandboxError(f"the container of {self.name} ended at its start: {ended_from_outside()}")
        exited = os.pidfd_open(self._main)
        stack.callback(os.close, exited)
        group = container.group
        self._before_s, self._kills, self._refusals = group.cpu_s() or 0.0, group.kills(), group.refusals()
        os.write(answers, b"go\n")
        return Started(self._main, exited, outputs, lambda: self._collect(process))

    @property
    def listens(self) -> Mapping[int, Callable[[bytes], None]]:
        """Nothing is told."""
        return {}

    def spawned(self, pid: int) -> None:
        """Know the process already."""

    def members(self) -> list[psutil.Process]:
        """Return the command's first process, those below it and those that lost their parent. Raises `SandboxError`."""
        if self._running.cut_off() and not self._running.ended():
            raise SandboxError(
                f"the Docker engine went away while {self.name} ran: start it again (`systemctl start docker`)"
            )
        found = self._running.left()
        with suppress(psutil.Error):
            found += [psutil.Process(self._main), *descendants(self._main)]
        return found

    def refused(self) -> bool:
        """Say whether the container's count of refusals has grown since the command's start."""
        return self._running.group.refusals() > self._refusals

    def kill(self) -> bool:
        """Kill the container, and with it all in it."""
        self._running.kill()
        return True

    def settle(self, timeout_s: float) -> bool:
        """Make sure that nothing of the command is left: where something is, the container ends with it."""
        if not self._running.killed and self._running.empty():
            self._clean = True
            return True
        return self._running.end(timeout_s)

    def verdict(self, exit_code: int, stderr: bytes) -> Verdict:
        """Read the end out of the exit code. Raises `SandboxError` when the command could not be set up."""
        return read_verdict(self._command, exit_code, stderr, self._kills)

    def close(self) -> None:
        """Give the container back and remove the ends."""
        if self._container is not None:
            self._give_back(self._container, self._clean)
        self._ends.close()

    @property
    def _running(self) -> Container:
        assert self._container is not None
        return self._container

    def _collect(self, process: str) -> tuple[float, int]:
        container = self._running
        cpu_s = max((container.group.cpu_s() or 0.0) - self._before_s, 0.0)
        self._kills = container.group.kills() - self._kills
        if container.killed:
            return cpu_s, -signal.SIGKILL
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and not container.ended():
            code = self._engine.executed(process)[1]
            # Where somebody kills the whole container, the command is the first to go.
            if code is not None and (code != KILLED or not container.ended(_LAST_S)):
                return cpu_s, code
            time.sleep(_PAUSE_S)
        raise SandboxError(f"the container of {self.name} ended while it ran: {ended_from_outside()}")

    def _argv(self) -> tuple[str, ...]:
        channel = "yes" if self._ends.channel else "no"
        where = str(ENDS / self._ends.path.name)
        own = (where, self._directory, channel, *held_to(self._limits), "--")
        return ("/bin/sh", "-c", _BEGIN, _NAME, *own, *self._command.argv)

    def _environment(self) -> dict[str, str]:
        return {**self._command.environment, **(_PLUGS if self._ends.channel else {})}


def held_to(limits: Limits) -> Iterable[str]:
    """Yield the options of the shell's `ulimit`: soft limits before hard ones, which may not be lower."""
    if limits.addressable_bytes is not None:
        yield from ("-v", str(limits.addressable_bytes >> 10))
    if limits.cpu_s is not None:
        yield from ("-St", str(int(limits.cpu_s) + 1), "-Ht", str(int(limits.cpu_s) + 2))
    if limits.file_bytes is not None:
        yield from ("-f", str(limits.file_bytes >> 9))


def ended_from_outside() -> str:
    return "the engine was stopped, or somebody removed the container (see `journalctl -u docker`)"


def read_verdict(command: Command, exit_code: int, stderr: bytes, kills: int) -> Verdict:
    """Read a command's end out of its exit code; `kills` are those of the kernel for memory. Raises `SandboxError`."""
    said = stderr.partition(b"\n")[0].decode(errors="replace")
    program = command.argv[0]
    ours = said.startswith(_NAME + ": ")
    if exit_code == _NO_DIRECTORY and ours and " cd:" in said:
        return Verdict(Ended.NOT_STARTED, why=f"the working directory {command.cwd} does not exist")
    if exit_code in (126, 127) and ours and program in said:
        return Verdict(Ended.NOT_STARTED, why=f"{program}: {said.rpartition(': ')[2]}")
    if (exit_code == _NO_PLUG and said.startswith("the image has neither")) or (exit_code == 1 and " ulimit:" in said):
        raise SandboxError(f"{program} could not be set up: {said}")
    if exit_code > 128 and exit_code - 128 in _FATAL:
        if exit_code == KILLED and kills:
            return Verdict(Ended.OUT_OF_MEMORY, why="the kernel killed a process of it at the container's memory limit")
        return Verdict(Ended.SIGNALLED, why=f"killed by {signal.Signals(exit_code - 128).name}")
    return Verdict(Ended.EXITED, exit_code)
