"""The `local` driver: each command in namespaces of its own, made by bubblewrap, on this machine."""

from __future__ import annotations

import json
import os
import platform
import select
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import psutil

from sandbox import bwrap, cgroup, seccomp
from sandbox.cage import HostLaunch, Verdict
from sandbox.environment import CHANNEL, clean, merged
from sandbox.errors import SandboxError, SandboxUnavailable
from sandbox.host import HostSandbox, most_tasks, program, readable, resource_limits
from sandbox.machine import real, resolver, survey
from sandbox.meter import descendants
from sandbox.sandbox import Command, Ended, Limits, Policy, Readiness, Root, Sandbox
from sandbox.scratch import MARKER, Scratch

# Process 1 of the sandbox: waits for the command, whose status it passes on, and for orphans meanwhile. By now it is
# tied to bubblewrap, and asks at its standard input whether nightcrew still lives: had that died before, nothing would
# end this. Its own complaints ("Segmentation fault") stay out of the command's output; `exec` failing is told there.
_INIT = (
    'echo ready >&0; read -r answer && [ "$answer" = go ] || exit 1;'
    ' input=$1; shift; exec 9>&2 2>/dev/null; (exec "$@") <"$input" 2>&9 9>&-; exit $?'
)
_INIT_NAME = "nightcrew"

_FATAL = frozenset((*range(1, 16), *range(24, 28), 31)) - {int(signal.SIGCHLD)}
"""The signals that end a process: a shell passes their end on as 128 and the number."""
_SHELL_UID = 1000
_INPUT = "/run/input"
_OWN_TASKS = 2
"""In a command's control group beside it: bubblewrap, and at its start the thread that starts it."""


class LocalDriver:
    """Opens sandboxes made by bubblewrap; what they keep on the host lies below `scratch`."""

    name = "local"
    user = None

    def __init__(self, scratch: Path | None = None) -> None:
        self._scratch = scratch or Path(tempfile.gettempdir())

    def probe(self) -> Readiness:
        """Say whether it works here, by running a command in the very sandbox that would be used."""
        try:
            with self._open(Root(Path("/usr"), Path("/usr")), Policy()) as sandbox:
                completed = sandbox.run(Command(("true",), cwd="/"), Limits(wall_s=10, memory_bytes=None))
        except (SandboxError, OSError) as error:
            return Readiness(False, str(error) if isinstance(error, SandboxUnavailable) else _advice(str(error)))
        return Readiness(completed.ok, "" if completed.ok else f"a trial command {completed.ended}: {completed.why}")

    def open(self, root: Root, policy: Policy = Policy()) -> Sandbox:
        """Open a sandbox on `root`. Raises `SandboxUnavailable` where bubblewrap is missing or may not be used."""
        return self._open(root, policy)

    def _open(self, root: Root, policy: Policy) -> Sandbox:
        filter_program = needed_filter(*([] if root.namespace is None else [bwrap.ENTER]))
        return LocalSandbox(root, policy, Scratch(self._scratch), filter_program)


def needed_filter(*further: str) -> bytes:
    """Return the system call filter. Raises `SandboxUnavailable` where there is none, or a program is missing (`further` ones too)."""
    for name in (*bwrap.PROGRAMS, *further):
        if program(name) is None:
            raise SandboxUnavailable(f"{name} is not installed: {_INSTALL}")
    filter_program = seccomp.program(platform.machine())
    if filter_program is None:
        raise SandboxUnavailable(f"there is no system call filter for {platform.machine()}: use another sandbox driver")
    return filter_program


_FORBIDDEN = ("No permissions to", "Unknown option", "namespace", "uid map", "gid map", "loopback:", "mount proc")
"""What bubblewrap says where this machine does not let it work at all."""
_INSTALL = "`apt-get install bubblewrap util-linux` (0.8 or newer)"


def _advice(problem: str) -> str:
    """Add to bubblewrap's complaint what to do about it."""
    if "Unknown option" in problem:
        return f"{problem}; this bubblewrap is too old: {_INSTALL}"
    if Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").exists():
        hint = "AppArmor may forbid user namespaces: allow them to bwrap with a profile, see docs/sandbox.md"
    elif Path("/.dockerenv").exists():
        hint = "inside a container, user namespaces must be allowed: see docs/sandbox.md"
    else:
        hint = "user namespaces must be allowed: `sysctl user.max_user_namespaces` above 0, see docs/sandbox.md"
    return f"{problem}; {hint}"


class LocalSandbox(HostSandbox):
    """A sandbox of namespaces. `LocalDriver.open` makes it."""

    driver = "local"

    def __init__(self, root: Root, policy: Policy, scratch: Scratch, filter_program: bytes) -> None:
        super().__init__(scratch)
        self._filter = filter_program
        self._policy = policy
        self._namespaces: list[int] = []
        self._numbers = count()
        with ExitStack() as failed:
            failed.callback(self.close)
            self._environment = merged(clean("/tmp/home", "/tmp"), policy.environment)
            shown = [path for path in root.readonly if os.path.lexists(path)]
            readonly = (*shown, *(resolver() if policy.network else ()))
            self._root = replace(
                root, target=real(root.target), readonly=readonly, writable=tuple(map(real, root.writable))
            )
            self._enter = self._namespace(root.namespace)
            self._machine, self._plan = self._planned()
            failed.pop_all()

    @property
    def root(self) -> Path:
        """The absolute path at which commands see the tree."""
        return self._root.target

    def put(self, name: str, data: bytes) -> str:
        """Give commands a read-only file; return its path inside."""
        self._check_open()
        self._scratch.put(name, data)
        return str(bwrap.FILES / name)

    def close(self) -> None:
        """End everything. Safe to call twice."""
        super().close()
        while self._namespaces:
            os.close(self._namespaces.pop())

    def _planned(self) -> tuple[bwrap.Machine, tuple[str, ...]]:
        # Root has uid 0 mapped to another number: inside, nobody is root.
        uid, gid = os.getuid() or _SHELL_UID, os.getgid() or _SHELL_UID
        for name in bwrap.first_steps(self._root):
            (self._scratch.tmp / name).mkdir(exist_ok=True)
        passwd, group = self._scratch.account(uid, gid)
        places = bwrap.Places(self._scratch.tmp, self._scratch.empty, self._scratch.files, passwd, group)
        machine = survey(self._root, self._policy, self._scratch.path.parent)
        return machine, bwrap.plan(machine, self._root, self._policy, places, uid, gid)

    def _namespace(self, pid: int | None) -> tuple[str, ...]:
        """Return the words that enter the mount namespace of process `pid`, which is held open from here on."""
        if pid is None:
            return ()
        words = [str(program(bwrap.ENTER))]
        try:
            if Path(f"/proc/{pid}/ns/user").readlink() != Path("/proc/self/ns/user").readlink():
                words += [f"--user={self._held(pid, 'user')}", "--preserve-credentials"]
            words += [f"--mount={self._held(pid, 'mnt')}", "--"]
        except OSError as error:
            raise SandboxError(f"the namespace of process {pid} cannot be entered: {error.strerror}") from error
        return tuple(words)

    def _held(self, pid: int, kind: str) -> str:
        # Named by our own descriptor: neither does a process id reused point elsewhere, nor is anything inherited.
        self._namespaces.append(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC))
        return f"/proc/{os.getpid()}/fd/{self._namespaces[-1]}"

    def _prepare(self, command: Command, limits: Limits, channel: socket.socket | None) -> tuple[HostLaunch, BwrapCage]:
        extra = {} if channel is None else {CHANNEL: str(channel.fileno())}
        environment = merged(self._environment, command.environment, extra)
        if not all(map(os.path.lexists, self._machine.hidden)):
            # A socket or file that was to be covered is gone: bubblewrap would have nothing to cover.
            self._machine, self._plan = self._planned()
        directory = os.path.normpath(self.root / command.cwd)
        handed = [readable(self._filter)]
        arguments = [*self._plan, "--chdir", directory]
        if command.stdin:
            handed.append(readable(command.stdin))
            arguments[:0] = ["--perms", "0444", "--file", str(handed[-1]), _INPUT]
        for name, value in environment.items():
            arguments += ("--setenv", name, value)
        # The arguments go through a descriptor: a process list shows them to nobody.
        handed.append(readable(b"".join(os.fsencode(word) + b"\0" for word in arguments)))
        status, told = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(status, False)
        argv = (
            *self._enter,
            *(str(program(bwrap.PROGRAMS[0])), "--args", str(handed[-1]), "--seccomp", str(handed[0])),
            *("--json-status-fd", str(told), "--", str(program(bwrap.PROGRAMS[1])), *resource_limits(limits)),
            *("/bin/sh", "-c", _INIT, _INIT_NAME, _INPUT if command.stdin else os.devnull, *command.argv),
        )
        handed.append(told)
        if channel is not None:
            handed.append(channel.detach())
        outer = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", MARKER: str(self._scratch.path)}
        ours, theirs = socket.socketpair()
        group = self._group(limits)
        return HostLaunch(argv, outer, theirs.detach(), tuple(handed), group), BwrapCage(status, ours, command, group)

    def _group(self, limits: Limits) -> Path | None:
        if limits.processes is None:
            return None
        most = most_tasks(limits.processes) + _OWN_TASKS
        return cgroup.make(f"{self._scratch.path.name}.{next(self._numbers)}", most)


class BwrapCage:
    """The processes of one bubblewrap: whatever they do, they end with process 1 of their namespace."""

    def __init__(self, status: int, asked: socket.socket, command: Command, group: Path | None) -> None:
        self._status = status
        self._group = group
        self._asked = asked
        self._command = command
        self._text = b""
        self._outer: int | None = None
        self._first: int | None = None

    @property
    def listens(self) -> Mapping[int, Callable[[bytes], None]]:
        """Where bubblewrap tells which process is the first, and how it ended; where that asks whether we live."""
        return {self._status: self.heard, self._asked.fileno(): self.answer}

    def answer(self, _: bytes) -> None:
        """Tell the first process to go on."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._asked.sendall(b"go\n")

    def spawned(self, pid: int) -> None:
        """Take note of the outer process."""
        self._outer = pid

    def heard(self, data: bytes) -> None:
        """Take what bubblewrap tells."""
        self._text += data
        if self._first is None:
            pid = self._told("child-pid")
            if pid is not None:
                with suppress(ProcessLookupError):
                    self._first = os.pidfd_open(pid)

    def members(self) -> list[psutil.Process]:
        """Return the processes below the outer one and the first one."""
        pid = self._told("child-pid")
        return [] if pid is None else descendants(pid)

    def refused(self) -> bool:
        """Say whether its control group, where it has one, hit the limit."""
        return self._group is not None and cgroup.refused(self._group)

    def kill(self) -> bool:
        """Kill the first process, and with it all in its namespace; False while it is not known."""
        if self._first is None:
            return False
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._first, signal.SIGKILL)
        return True

    def settle(self, timeout_s: float) -> bool:
        """Kill the first process if it lives, and wait until its namespace is empty."""
        deadline = time.monotonic() + timeout_s
        while self._first is None and self._outer is not None and time.monotonic() < deadline:
            select.select([self._status], [], [], max(deadline - time.monotonic(), 0))
            data = os.read(self._status, 4096)
            if not data:
                return True  # It ended before there was a first process.
            self.heard(data)
            if self._told("child-pid") is not None and self._first is None:
                return True
        if not self.kill():
            return True
        assert self._first is not None
        return bool(select.select([self._first], [], [], max(deadline - time.monotonic(), 0))[0])

    def verdict(self, exit_code: int, stderr: bytes) -> Verdict:
        """Read the end out of what bubblewrap told and returned. Raises `SandboxError` when it could not set up."""
        with suppress(BlockingIOError):
            while data := os.read(self._status, 4096):
                self.heard(data)
        told = self._told("exit-code")
        if told is None:
            return self._not_set_up(exit_code, stderr)
        first_line = stderr.partition(b"\n")[0].decode(errors="replace")
        if told in (126, 127) and first_line.startswith(_INIT_NAME + ": ") and self._command.argv[0] in first_line:
            return Verdict(Ended.NOT_STARTED, why=f"{self._command.argv[0]}: {first_line.rpartition(': ')[2]}")
        if told > 128 and told - 128 in _FATAL:
            return Verdict(Ended.SIGNALLED, why=f"killed by {signal.Signals(told - 128).name}")
        return Verdict(Ended.EXITED, told)

    def close(self) -> None:
        """Close its descriptors."""
        for descriptor in (self._status, self._first):
            if descriptor is not None:
                os.close(descriptor)
        self._status, self._first = -1, None
        self._asked.close()
        if self._group is not None:
            cgroup.remove(self._group)

    def _not_set_up(self, exit_code: int, stderr: bytes) -> Verdict:
        said = stderr.decode(errors="replace").strip()
        if "Can't chdir to" in said:
            return Verdict(Ended.NOT_STARTED, why=f"the working directory {self._command.cwd} does not exist")
        if any(sign in said for sign in _FORBIDDEN):
            raise SandboxUnavailable(_advice(said))
        raise SandboxError(f"bubblewrap could not set the sandbox up ({exit_code}): {said or 'it said nothing'}")

    def _told(self, key: str) -> int | None:
        for line in self._text.splitlines(keepends=True):
            if line.endswith(b"\n") and key.encode() in line:
                return int(json.loads(line)[key])
        return None
