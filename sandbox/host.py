"""What the drivers of this machine share: a scratch directory, the commands that run, the sum of what they used."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from sandbox.cage import Cage, Launch
from sandbox.errors import SandboxClosed, SandboxError
from sandbox.meter import Meter
from sandbox.process import Running
from sandbox.quota import Quota, Room
from sandbox.sandbox import Command, Completed, Limits, Process, Usage
from sandbox.scratch import Scratch

_THREADS_PER_PROCESS = 4
_FIRST_CHANNEL = 10
"""Shells can only redirect descriptors below it."""


def program(name: str) -> str | None:
    """Return the path of a program of the system, whatever PATH says; None where it is not installed."""
    return shutil.which(name, path="/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")


def resource_limits(limits: Limits) -> Iterable[str]:
    """Yield the options of prlimit; what counts all processes together is the meter's."""
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    yield "--core=0:0"
    yield f"--nofile={min(1024, most_files)}:{min(1 << 16, most_files)}"
    if limits.addressable_bytes is not None:
        yield f"--as={limits.addressable_bytes}:{limits.addressable_bytes}"
    if limits.cpu_s is not None:
        seconds = int(limits.cpu_s) + 1
        yield f"--cpu={seconds}:{seconds + 1}"
    if limits.file_bytes is not None:
        yield f"--fsize={limits.file_bytes}:{limits.file_bytes}"
    if limits.processes is not None:
        most = most_tasks(limits.processes)
        yield f"--nproc={most}:{most}"


def most_tasks(processes: int) -> int:
    """Return the limit to set in the kernel, which counts threads too, for `processes`, which the meter counts exactly."""
    return processes * _THREADS_PER_PROCESS


def readable(data: bytes) -> int:
    """Return a descriptor that reads `data` to its end; to be handed down by a `Launch`."""
    if not data:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    descriptor = os.memfd_create("nightcrew", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


class HostSandbox(ABC):
    """Runs commands as processes of this machine; how they are kept in is the subclass's."""

    driver: str
    host = ""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._lock = threading.Lock()
        self._running: set[Running] = set()
        self._closed = False
        self._used = Usage()

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._closed

    @property
    @abstractmethod
    def root(self) -> Path:
        """The absolute path at which commands see the tree."""

    @abstractmethod
    def put(self, name: str, data: bytes) -> str:
        """Give commands a read-only file; return its path inside."""

    @abstractmethod
    def _prepare(self, command: Command, limits: Limits, channel: socket.socket | None) -> tuple[Launch, Cage]: ...

    def run(self, command: Command, limits: Limits = Limits()) -> Completed:
        """Run a command to its end and return how it went. Raises `SandboxClosed`, `SandboxError`."""
        return self._new(command, limits, None, None).drive()

    def start(self, command: Command, limits: Limits = Limits()) -> Process:
        """Start a command that talks over its channel. Raises `SandboxClosed`."""
        with ExitStack() as failed:
            ours, theirs = map(failed.enter_context, socket.socketpair())
            handed = failed.enter_context(_raised(theirs))
            running = self._new(command, limits, ours, handed)
            failed.pop_all()
        return running.begin()

    def used(self) -> Usage:
        """Return the sum of what its commands used so far."""
        return self._used

    def close(self) -> None:
        """End everything. Safe to call twice."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for process in running:
            process.__exit__()
        self._dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise SandboxClosed("this sandbox has ended: open another one")

    def _dispose(self) -> None:
        """Remove what it kept, or leave it to a later sweep."""
        if self._release():
            self._scratch.remove()
        else:
            self._scratch.leave()

    def _release(self) -> bool:
        """Let go of what the commands shared; False where a later sweep has to find what could not be."""
        return True

    def _room(self, limits: Limits) -> Room:
        """Return what watches the room that a command takes."""
        return Quota(self._scratch.tmp, limits.tmp_bytes)

    def _meter(self, limits: Limits, cage: Cage) -> Meter:  # noqa: ARG002 - for those whose processes are out of sight
        """Return what meters a command."""
        return Meter(limits)

    def _new(
        self, command: Command, limits: Limits, ours: socket.socket | None, theirs: socket.socket | None
    ) -> Running:
        if not command.argv or any("\0" in word for word in command.argv):
            raise SandboxError(f"argv={command.argv!r} is not a command: it takes at least one word, and none with NUL")
        with self._lock:
            self._check_open()
            launch, cage = self._prepare(command, limits, theirs)
            running = Running(launch, cage, limits, self._room(limits), ours, self._finished, self._meter(limits, cage))
            self._running.add(running)
        return running

    def _finished(self, running: Running) -> None:
        with self._lock:
            self._running.discard(running)
            if running.completed is not None:
                self._used = add_usage(self._used, running.completed.usage)


def _raised(end: socket.socket) -> socket.socket:
    """Return the same socket at a descriptor that no shell redirection can hit."""
    descriptor = fcntl.fcntl(end.fileno(), fcntl.F_DUPFD_CLOEXEC, _FIRST_CHANNEL)
    end.close()
    return socket.socket(fileno=descriptor)


def add_usage(one: Usage, other: Usage) -> Usage:
    """Add seconds up and take the higher peaks."""
    return Usage(
        one.wall_s + other.wall_s,
        one.cpu_s + other.cpu_s,
        max(one.peak_bytes, other.peak_bytes),
        max(one.peak_processes, other.peak_processes),
    )
