"""One running container: who keeps it up, what runs in it, and its end. It serves one command at a time."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress

import psutil

from sandbox.dockerconnection import Attached
from sandbox.dockerengine import Engine
from sandbox.dockergroup import ContainerGroup
from sandbox.dockerplan import Held, Plan
from sandbox.errors import OutOfSight, SandboxError
from sandbox.meter import descendants

_START_S = 30
_END_S = 1.0
_CLEAN_S = 0.1
_PAUSE_S = 0.002
_OWN_TASKS = 2
"""Process 1, which takes orphans away, and the keeper."""


class Container:
    """A container that waits for commands. Its keeper reads from this process: whatever ends this, ends all in there."""

    def __init__(self, engine: Engine, plan: Plan, held: Held) -> None:
        self._engine = engine
        self.held = held
        self.id = engine.create(plan.order(held))
        self.killed = False
        self._first = -1
        self._attached: Attached | None = None
        try:
            self._attached = engine.start(self.id)
            self._await_keeper()
            self._pid = self._visible_pid()
            self._first = os.pidfd_open(self._pid)
            self.group = ContainerGroup(self._pid)
            self._keepers = {process.pid for process in descendants(self._pid)}
        except BaseException:
            self.close()
            raise

    def left(self) -> list[psutil.Process]:
        """Return the processes below process 1 that are not its own."""
        return [process for process in descendants(self._pid) if process.pid not in self._keepers]

    def holds(self, pid: int) -> bool:
        """Say whether a process of this machine is one of the container's."""
        return self.id in _groups(pid)

    def kill(self) -> None:
        """Kill all processes in it, and with them the container. Safe to call again."""
        self.killed = True
        try:
            signal.pidfd_send_signal(self._first, signal.SIGKILL)
        except ProcessLookupError:
            pass
        except PermissionError:
            # Process 1 belongs to another user, and ends with the keeper's input. Should the engine be gone, that takes time.
            for process in self.left():
                with suppress(psutil.Error):
                    process.kill()
        if self._attached is not None:
            self._attached.close()

    def cut_off(self) -> bool:
        """Say whether the engine no longer holds the keeper's input: it went away, or ended the container."""
        return not self.killed and self._attached is not None and self._attached.over()

    def ended(self, timeout_s: float = 0) -> bool:
        """Say whether process 1 has ended, and with it all others; waits for it."""
        return bool(select.select([self._first], [], [], max(timeout_s, 0))[0])

    def end(self, timeout_s: float) -> bool:
        """Kill all processes in it and wait for that, asking the engine if nothing else helps."""
        self.kill()
        if self.ended(min(_END_S, timeout_s)):
            return True
        with suppress(SandboxError):
            self._engine.kill(self.id)
        return self.ended(timeout_s)

    def empty(self) -> bool:
        """Say whether nothing but its own processes is left in it, waiting a moment for ended ones to be taken away."""
        deadline = time.monotonic() + _CLEAN_S
        while True:
            tasks = self.group.tasks()
            if tasks is None:
                # Nothing but the kernel's own count is proof.
                return False
            if tasks <= _OWN_TASKS:
                return tasks == _OWN_TASKS
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_S)

    def close(self) -> None:
        """End it and see it gone. Safe to call twice."""
        if self._first >= 0:
            self.end(_START_S)
            os.close(self._first)
            self._first = -1
        elif self._attached is not None:
            self._attached.close()
        with suppress(SandboxError):
            self._engine.remove(self.id)
            self._engine.await_removal(self.id, _START_S)

    def _await_keeper(self) -> None:
        assert self._attached is not None
        try:
            said = self._attached.read(_START_S)
        except TimeoutError as error:
            raise SandboxError(
                f"the container did not come up within {_START_S:g} s: is the engine overloaded?"
            ) from error
        if said[:1] != b"\x01":
            raise SandboxError("the container ended at its start: see the engine's log (`journalctl -u docker`)")

    def _visible_pid(self) -> int:
        pid = self._engine.pid(self.id)
        if pid and self.holds(pid):
            return pid
        raise OutOfSight(
            "the Docker engine runs its containers on another machine or out of sight (a virtual machine, a container):"
            " nightcrew has to see their processes; use the local sandbox"
        )


def _groups(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123 - often
            return file.read()
    except OSError:
        return ""
