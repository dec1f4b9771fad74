"""The Protocols and records of sandboxes: where commands run, with limits, seeing one tree at its own path."""

from __future__ import annotations

import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class Root:
    """The tree a sandbox sees.

    `source` is the directory that has the files (inside the mount namespace of process `namespace`, where given);
    `target` is the absolute path at which commands see it, writable. `readonly` and `writable` are further host
    paths that commands see at the same path (a git directory; an object store, a toolchain under home).
    """

    source: Path
    target: Path
    namespace: int | None = None
    readonly: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """What a sandbox allows beyond its root. The defaults are the safe ones: no network, nothing of the environment."""

    network: bool = False
    hidden: tuple[Path, ...] = ()
    """Further host paths that do not exist inside, besides home and the places of sockets and secrets."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables every command gets, on top of the sandbox's own clean set."""
    sockets: Mapping[Path, Path] = field(default_factory=dict)
    """Unix sockets of this machine that commands may connect to, by the paths at which they see them."""
    image: str | None = None
    """What containers are made of, where the driver makes some; the others use this machine's programs."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one command. None means unlimited."""

    wall_s: float | None = 600.0
    cpu_s: float | None = None
    memory_bytes: int | None = 4 << 30
    """For all processes together as metered, and for each process (address space) where `address_bytes` says nothing else."""
    processes: int | None = 512
    file_bytes: int | None = 2 << 30
    tmp_bytes: int | None = 4 << 30
    """Of the sandbox's private /tmp; every file counts for at least 4096."""
    output_bytes: int = 1 << 20
    """Of standard output and of standard error each; the middle of what exceeds it is dropped, and counted."""
    address_bytes: int | None = None
    """Of address space for each process, for programs that reserve more than they use; None for `memory_bytes`."""

    @property
    def addressable_bytes(self) -> int | None:
        """The address space that each process may have."""
        return self.memory_bytes if self.address_bytes is None else self.address_bytes


@dataclass(frozen=True, slots=True)
class Command:
    """A command: arguments (no shell), working directory (absolute, or relative to the root's target), extra environment."""

    argv: tuple[str, ...]
    cwd: str = "."
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""


class Ended(StrEnum):
    """How a command ended."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    TOO_MANY_PROCESSES = "too many processes"
    OUT_OF_SPACE = "out of space"
    """Its /tmp grew over the limit, or the disk that holds it is nearly full."""
    STOPPED = "stopped"
    """By its caller."""
    NOT_STARTED = "not started"
    """The program does not exist inside, or cannot be executed."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command used, children included: seconds of wall clock and CPU, peak bytes of resident memory, peak processes."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0
    peak_processes: int = 0


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command went. `exit_status` is None unless it exited; outputs are cut to the limit."""

    ended: Ended
    exit_status: int | None
    stdout: bytes = b""
    stderr: bytes = b""
    dropped_bytes: int = 0
    why: str = ""
    usage: Usage = Usage()

    @property
    def ok(self) -> bool:
        """Say whether it exited with status 0."""
        return self.ended is Ended.EXITED and self.exit_status == 0

    @property
    def killed(self) -> bool:
        """Say whether SIGKILL ended it, and no limit: the machine's, somebody's, or its own."""
        return self.ended is Ended.SIGNALLED and self.why.endswith(signal.SIGKILL.name)


class Process(Protocol):
    """A command that is running."""

    @property
    def channel(self) -> socket.socket:
        """The host's end of a stream socket; the command finds its own end at the descriptor named by `NIGHTCREW_CHANNEL`."""
        ...

    def wait(self, timeout_s: float | None = None) -> Completed | None:
        """Wait for the end, enforcing the limits; None when `timeout_s` passes first."""
        ...

    def stop(self) -> Completed:
        """End the command and everything it started, now."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None:
        """Stop it if it still runs."""
        ...


class Sandbox(Protocol):
    """A place to run commands in. Nothing that a command started outlives the command; nothing outlives the sandbox.

    `/tmp` is private, kept between the commands of one sandbox, and removed with it.
    """

    @property
    def driver(self) -> str: ...
    @property
    def host(self) -> str:
        """The name of the host that it is at, where its driver has several."""
        ...

    @property
    def root(self) -> Path:
        """The absolute path at which commands see the tree."""
        ...

    def put(self, name: str, data: bytes) -> str:
        """Give commands a read-only file that is not part of the tree; return its absolute path inside."""
        ...

    def run(self, command: Command, limits: Limits = Limits()) -> Completed:
        """Run a command to its end and return how it went."""
        ...

    def start(self, command: Command, limits: Limits = Limits()) -> Process:
        """Start a command that talks over its channel."""
        ...

    def used(self) -> Usage:
        """Return the sum of what its commands used so far (wall and CPU added, peaks as maximum)."""
        ...

    def close(self) -> None:
        """End everything. Safe to call twice."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a sandbox driver works here, and if not why and what to do. `away` says that it may work again by itself."""

    works: bool
    why: str = ""
    away: bool = False


class SandboxDriver(Protocol):
    """Opens sandboxes in one way (`local`, `docker`, `none`)."""

    @property
    def name(self) -> str: ...

    @property
    def user(self) -> tuple[int, int] | None:
        """Whom a tree must be shared with (uid and gid) because others than this process's user open it; None: nobody."""
        ...

    def probe(self) -> Readiness:
        """Say whether it works on this machine."""
        ...

    def open(self, root: Root, policy: Policy = Policy()) -> Sandbox:
        """Open a sandbox on `root`. Raises `SandboxUnavailable`; never gives less isolation than promised."""
        ...
