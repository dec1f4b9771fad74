"""A sandbox that runs nothing: what each command does is scripted. For tests, and for those who write plugins."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from sandbox.errors import SandboxClosed
from sandbox.host import add_usage
from sandbox.sandbox import Command, Completed, Ended, Limits, Policy, Process, Readiness, Root, Sandbox, Usage

Answer = Callable[[Command], Completed]
"""Says how a command went."""

Talk = Callable[[Command, socket.socket], Completed]
"""Plays a command that was started, at its end of the channel; the end of the stream means that it is stopped."""


def _silent(_: Command, channel: socket.socket) -> Completed:
    while channel.recv(1 << 16):
        pass
    return Completed(Ended.EXITED, 0)


class ScriptedDriver:
    """Opens scripted sandboxes, and keeps them in `opened`."""

    name = "scripted"
    user = None

    def __init__(self, answer: Answer, talk: Talk = _silent) -> None:
        self._answer = answer
        self._talk = talk
        self.opened: list[ScriptedSandbox] = []

    def probe(self) -> Readiness:
        """Say that it works."""
        return Readiness(True)

    def open(self, root: Root, policy: Policy = Policy()) -> Sandbox:
        """Open a sandbox on `root`."""
        sandbox = ScriptedSandbox(root, policy, self._answer, self._talk)
        self.opened.append(sandbox)
        return sandbox


class ScriptedSandbox:
    """A sandbox whose commands are answered by a script; `commands`, their `limits`, and `files` are what it was given."""

    driver = "scripted"
    host = ""

    def __init__(self, root: Root, policy: Policy, answer: Answer, talk: Talk = _silent) -> None:
        self.policy = policy
        self.commands: list[Command] = []
        self.limits: list[Limits] = []
        self.files: dict[str, bytes] = {}
        self._root = root
        self._answer = answer
        self._talk = talk
        self._used = Usage()
        self._processes: list[ScriptedProcess] = []
        self._closed = False

    @property
    def root(self) -> Path:
        """The path at which the script's commands see the tree."""
        return self._root.target

    def put(self, name: str, data: bytes) -> str:
        """Remember a file; return a path for it. Raises ValueError for a name that is not plain."""
        self._note()
        if name in {"", ".", ".."} or "/" in name or "\0" in name:
            raise ValueError(f"name={name!r} is not a plain file name: give one without a slash")
        self.files[name] = data
        return f"/run/nightcrew/{name}"

    def run(self, command: Command, limits: Limits = Limits()) -> Completed:
        """Answer a command."""
        self._note((command, limits))
        return self._count(self._answer(command))

    def start(self, command: Command, limits: Limits = Limits()) -> Process:
        """Start playing a command."""
        self._note((command, limits))
        process = ScriptedProcess(command, self._talk, self._count)
        self._processes.append(process)
        return process

    def used(self) -> Usage:
        """Return the sum of what the script says was used."""
        return self._used

    def close(self) -> None:
        """End everything. Safe to call twice."""
        self._closed = True
        while self._processes:
            self._processes.pop().__exit__()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _note(self, *given: tuple[Command, Limits]) -> None:
        if self._closed:
            raise SandboxClosed("this sandbox has ended: open another one")
        for command, limits in given:
            self.commands.append(command)
            self.limits.append(limits)

    def _count(self, completed: Completed) -> Completed:
        self._used = add_usage(self._used, completed.usage)
        return completed


class ScriptedProcess:
    """A command that a script plays in a thread."""

    def __init__(self, command: Command, talk: Talk, count: Callable[[Completed], Completed]) -> None:
        self._ours, theirs = socket.socketpair()
        self._stopped = False
        self._completed: Completed | None = None

        def play() -> None:
            with theirs:
                completed = Completed(Ended.STOPPED, None, why="its channel was closed")
                with suppress(OSError):
                    completed = talk(command, theirs)
            if self._stopped:
                completed = Completed(Ended.STOPPED, None, why="stopped by its caller", usage=completed.usage)
            self._completed = count(completed)

        self._thread = threading.Thread(target=play, name="scripted-command", daemon=True)
        self._thread.start()

    @property
    def channel(self) -> socket.socket:
        """The host's end of the channel."""
        return self._ours

    def wait(self, timeout_s: float | None = None) -> Completed | None:
        """Wait for the end of the script; None when `timeout_s` passes first."""
        self._thread.join(timeout_s)
        return self._completed

    def stop(self) -> Completed:
        """End the stream for the script and wait until it is done."""
        self._stopped = self._completed is None
        with suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        assert self._completed is not None
        return self._completed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._completed is None:
            self.stop()
        self._ours.close()
