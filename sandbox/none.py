"""The `none` driver: commands as plain processes, for a user who typed so. They end, they are metered; nothing else is kept in.

It has no network policy, hides nothing, and shows the tree at its own place instead of the repository's.
"""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil

from sandbox.cage import HostLaunch, Verdict
from sandbox.environment import CHANNEL, clean, merged
from sandbox.errors import SandboxError, SandboxUnavailable, ServiceUnavailable
from sandbox.host import HostSandbox, program, readable, resource_limits
from sandbox.meter import descendants
from sandbox.sandbox import Command, Ended, Limits, Policy, Readiness, Root, Sandbox
from sandbox.scratch import MARKER, Scratch

_COMMAND = "NIGHTCREW_COMMAND"
_PROGRAMS = ("env", "setpriv", "prlimit")


class NoneDriver:
    """Opens sandboxes that isolate nothing; their private directories lie below `scratch`."""

    name = "none"
    user = None

    def __init__(self, scratch: Path | None = None) -> None:
        self._scratch = scratch or Path(tempfile.gettempdir())

    def probe(self) -> Readiness:
        """Say whether the programs that hold limits are there."""
        missing = [name for name in _PROGRAMS if program(name) is None]
        return Readiness(not missing, f"{missing[0]} is not installed: `apt-get install util-linux`" if missing else "")

    def open(self, root: Root, policy: Policy = Policy()) -> Sandbox:
        """Open a sandbox on `root`, whose files everybody must see. Raises `SandboxUnavailable`."""
        readiness = self.probe()
        if not readiness.works:
            raise SandboxUnavailable(readiness.why)
        if root.namespace is not None:
            raise SandboxUnavailable("without a sandbox no mount namespace is entered: use the copy driver for shadows")
        if policy.sockets:
            raise ServiceUnavailable(
                "without a sandbox nothing leads to the servers that [services] of nightcrew.toml needs: take `--sandbox local`"
            )
        return NoneSandbox(root, policy, Scratch(self._scratch))


class NoneSandbox(HostSandbox):
    """A sandbox that isolates nothing. `NoneDriver.open` makes it."""

    driver = "none"

    def __init__(self, root: Root, policy: Policy, scratch: Scratch) -> None:
        super().__init__(scratch)
        self._source = Path(os.path.realpath(root.source))
        self._target = root.target
        own = clean(str(scratch.home), str(scratch.tmp)) | {MARKER: str(scratch.path)}
        self._environment = merged(own, policy.environment)

    @property
    def root(self) -> Path:
        """Where the tree really is: nothing is bound anywhere."""
        return self._source

    def put(self, name: str, data: bytes) -> str:
        """Give commands a read-only file; return its path."""
        self._check_open()
        return str(self._scratch.put(name, data))

    def _prepare(self, command: Command, limits: Limits, channel: socket.socket | None) -> tuple[HostLaunch, NoneCage]:
        mark = uuid.uuid4().hex
        extra = {_COMMAND: mark} | ({} if channel is None else {CHANNEL: str(channel.fileno())})
        # What the command's own environment says is for the command: it starts with `env`, after the programs of ours.
        environment = merged(self._environment, command.environment, extra)
        # The kernel's count of processes would be that of all the user's: the meter's has to do.
        held = resource_limits(replace(limits, processes=None))
        argv = (
            *(str(program("setpriv")), "--pdeathsig", "KILL", "--", str(program("prlimit")), *held),
            *(str(program("env")), "-i", "-C", self._directory(command.cwd), "--"),
            *(f"{name}={value}" for name, value in environment.items()),
            *_after_assignments(command.argv),
        )
        handed = () if channel is None else (channel.detach(),)
        outer = {"PATH": environment["PATH"], "LC_ALL": "C", MARKER: str(self._scratch.path), _COMMAND: mark}
        return HostLaunch(argv, outer, readable(command.stdin), handed), NoneCage(mark, command)

    def _directory(self, cwd: str) -> str:
        path = Path(cwd)
        if path.is_absolute() and path.is_relative_to(self._target):
            path = path.relative_to(self._target)
        return os.path.normpath(self._source / path)


def _after_assignments(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Keep `env` from taking a program whose name has a '=' for a variable."""
    if "=" in argv[0]:
        raise SandboxError(f"argv[0]={argv[0]!r} has a '=': give the program another name, or run it by a shell")
    return argv


class NoneCage:
    """The processes of one command, known by descent and by a variable in their environment."""

    def __init__(self, mark: str, command: Command) -> None:
        self._mark = mark
        self._command = command
        self._pid = 0

    @property
    def listens(self) -> Mapping[int, Callable[[bytes], None]]:
        """Nothing is told."""
        return {}

    def spawned(self, pid: int) -> None:
        """Take note of the first process, which leads the command's session."""
        self._pid = pid

    def members(self) -> list[psutil.Process]:
        """Return the first process and those below it."""
        with suppress(psutil.Error):
            return [psutil.Process(self._pid), *descendants(self._pid)]
        return []

    def refused(self) -> bool:
        """Say no: nobody counts what `ulimit` refuses."""
        return False

    def kill(self) -> bool:
        """Kill the first process, its process group and all below it."""
        for process in self.members():
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        return True

    def settle(self, timeout_s: float) -> bool:
        """Kill what bears the command's mark until nothing does."""
        deadline = time.monotonic() + timeout_s
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        while strays := self._strays():
            for process in strays:
                with suppress(psutil.Error):
                    process.send_signal(signal.SIGKILL)
            psutil.wait_procs(strays, timeout=0.1)
            if time.monotonic() > deadline:
                return False
        return True

    def _strays(self) -> list[psutil.Process]:
        strays = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(_COMMAND) == self._mark and process.status() != psutil.STATUS_ZOMBIE:
                    strays.append(process)
        return strays

    def verdict(self, exit_code: int, stderr: bytes) -> Verdict:
        """Read the end out of the first process's exit code."""
        if exit_code < 0:
            return Verdict(Ended.SIGNALLED, why=f"killed by {signal.Signals(-exit_code).name}")
        said = stderr.partition(b"\n")[0].decode(errors="replace")
        if exit_code == 125 and "cannot change directory" in said:
            return Verdict(Ended.NOT_STARTED, why=f"the working directory {self._command.cwd} does not exist")
        if exit_code in (126, 127) and said.startswith(("env: ", f"{program('env')}: ")):
            return Verdict(Ended.NOT_STARTED, why=f"{self._command.argv[0]}: {said.rpartition(': ')[2]}")
        return Verdict(Ended.EXITED, exit_code)

    def close(self) -> None:
        """Close nothing."""
