"""A sandbox of containers: one for each command at a time, used again only when nothing of the last command is left in it."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path

from sandbox.bwrap import FILES, first_steps
from sandbox.dockercontainer import Container
from sandbox.dockerengine import OWNER, SCRATCH, Engine, Image
from sandbox.dockerexec import Ends, Execution
from sandbox.dockerplan import Held, User, plan
from sandbox.dockerpool import Pool
from sandbox.environment import merged
from sandbox.host import HostSandbox
from sandbox.machine import real
from sandbox.owner import owner
from sandbox.process import Running
from sandbox.sandbox import Command, Limits, Policy, Process, Root
from sandbox.scratch import Scratch

_TURN_S = 0.05


class DockerSandbox(HostSandbox):
    """A sandbox of containers. `DockerDriver.open` makes it."""

    driver = "docker"

    def __init__(
        self, root: Root, policy: Policy, scratch: Scratch, engine: Engine, image: Image, user: tuple[int, int]
    ) -> None:
        super().__init__(scratch)
        self._engine = engine
        self._root = replace(root, target=real(root.target), writable=tuple(map(real, root.writable)))
        self._user = User(*user)
        if os.getuid() == 0:
            give(self._user, (scratch.tmp, scratch.home, root.source, *root.writable))
        for name in first_steps(self._root):
            (scratch.tmp / name).mkdir(exist_ok=True)
        labels = {OWNER: owner(), SCRATCH: str(scratch.path)}
        shown = [path for path in root.readonly if os.path.lexists(path)]
        self._plan = plan(replace(self._root, readonly=tuple(shown)), policy, image, self._user, scratch, labels)
        self._numbers = count()
        self._pool = Pool(lambda held: Container(engine, self._plan, held))
        # Made now: what does not work is said at once, and the first command finds it warm.
        self._pool.give_back(self._pool.take(Held.of(Limits())), clean=True)

    @property
    def root(self) -> Path:
        """The absolute path at which commands see the tree."""
        return self._root.target

    def put(self, name: str, data: bytes) -> str:
        """Give commands a read-only file; return its path inside."""
        self._check_open()
        self._scratch.put(name, data)
        return str(FILES / name)

    def start(self, command: Command, limits: Limits = Limits()) -> Process:
        """Start a command that talks over its channel; returns when it has taken its end, or has ended without."""
        with ExitStack() as failed:
            ours = failed.enter_context(socket.socket(socket.AF_UNIX))
            with socket.socket(socket.AF_UNIX) as listener:
                running = self._new(command, limits, ours, listener).begin()
                failed.callback(running.__exit__)
                _connect(ours, listener, running)
            failed.pop_all()
        return running

    def close(self) -> None:
        """End everything. Safe to call twice."""
        super().close()
        self._engine.close()

    def _release(self) -> bool:
        self._pool.close()
        return True

    def _prepare(self, command: Command, limits: Limits, channel: socket.socket | None) -> tuple[Execution, Execution]:
        checked = replace(command, environment=merged(command.environment))
        ends = Ends(self._scratch.ends / str(next(self._numbers)), self._user, command.stdin, channel)
        held = Held.of(limits)
        directory = os.path.normpath(self.root / command.cwd)
        execution = Execution(
            self._engine,
            lambda: self._pool.take(held),
            self._pool.give_back,
            ends,
            self._user,
            checked,
            directory,
            limits,
        )
        return execution, execution


def _connect(ours: socket.socket, listener: socket.socket, running: Running) -> None:
    """Make `ours` the end of the connection that the command makes; of none, when it ends without one."""
    while not select.select([listener], [], [], _TURN_S)[0]:
        if running.over:
            end, other = socket.socketpair()
            other.close()
            break
    else:
        end = listener.accept()[0]
    with end:
        os.dup2(end.fileno(), ours.fileno(), inheritable=False)


def give(user: User, paths: Iterable[Path]) -> None:
    """Give root's files in and below `paths` to `user`, following no link."""
    for path in paths:
        for _, directories, files, at in os.fwalk(path):
            for name in (".", *directories, *files):
                if os.stat(name, dir_fd=at, follow_symlinks=False).st_uid == 0:
                    os.chown(name, user.uid, user.gid, dir_fd=at, follow_symlinks=False)
