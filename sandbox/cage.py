"""The Protocol between a running command and the means that hold its processes together."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from sandbox import cgroup
from sandbox.sandbox import Ended


@dataclass(frozen=True, slots=True)
class Started:
    """A command's first process: its id, a descriptor that can be read from when it has ended, those to read its outputs from.

    `collect` takes the ended process away; it returns the CPU seconds of it and all it waited for, and its exit code.
    """

    pid: int
    exited: int
    outputs: tuple[int, int]
    collect: Callable[[], tuple[float, int]]


class Launch(Protocol):
    """What to start."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        ...

    def start(self, stack: ExitStack) -> Started:
        """Start it, leaving to `stack` what is to be done when the command is over. Raises `SandboxError`, OSError."""
        ...


@dataclass(frozen=True, slots=True)
class HostLaunch:
    """What to start on the host: arguments, environment, standard input, further descriptors to hand down, control group.

    The descriptors, standard input too, are closed here once it has started.
    """

    argv: tuple[str, ...]
    environment: dict[str, str]
    stdin: int
    descriptors: tuple[int, ...] = ()
    group: Path | None = None

    @property
    def name(self) -> str:
        """The program."""
        return self.argv[0]

    def start(self, stack: ExitStack) -> Started:
        """Start the process."""
        with ExitStack() as handed:
            for descriptor in (self.stdin, *self.descriptors):
                handed.callback(os.close, descriptor)
            ends = []
            for _ in range(2):
                read, write = os.pipe2(os.O_CLOEXEC)
                stack.callback(os.close, read)
                handed.callback(os.close, write)
                os.set_blocking(read, False)
                ends.append((read, write))
            with cgroup.inside(self.group):
                process = subprocess.Popen(
                    self.argv,
                    stdin=self.stdin,
                    stdout=ends[0][1],
                    stderr=ends[1][1],
                    cwd="/",
                    env=self.environment,
                    pass_fds=self.descriptors,
                    # A terminal's Ctrl-C is for nightcrew, which then ends its commands in good order.
                    start_new_session=True,
                )
        stack.callback(_reap, process)
        exited = os.pidfd_open(process.pid)
        stack.callback(os.close, exited)
        return Started(process.pid, exited, (ends[0][0], ends[1][0]), lambda: _collect(process))


def _collect(process: subprocess.Popen[bytes]) -> tuple[float, int]:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, process.returncode


def _reap(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a command ended, its exit status where it exited, and why where that is not plain."""

    ended: Ended
    exit_status: int | None = None
    why: str = ""


class Cage(Protocol):
    """Holds the processes of one command together: finds them all and ends them all."""

    @property
    def listens(self) -> Mapping[int, Callable[[bytes], None]]:
        """Descriptors to read from while the command runs, each with who takes what comes."""
        ...

    def spawned(self, pid: int) -> None:
        """Take note of the process that was started."""
        ...

    def members(self) -> list[psutil.Process]:
        """Return the command's living processes."""
        ...

    def refused(self) -> bool:
        """Say whether the kernel refused the command one more process or thread, as far as it tells."""
        ...

    def kill(self) -> bool:
        """Kill all processes; False while they cannot be found yet. May be called again and again."""
        ...

    def settle(self, timeout_s: float) -> bool:
        """Make sure that nothing is left after the first process has ended; False when `timeout_s` passes first."""
        ...

    def verdict(self, exit_code: int, stderr: bytes) -> Verdict:
        """Read the end out of the first process's exit code (negative for a signal). Raises `SandboxError`."""
        ...

    def close(self) -> None:
        """Close its descriptors."""
        ...
