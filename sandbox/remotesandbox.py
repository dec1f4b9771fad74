"""A sandbox of containers at an engine out of sight: the tree is shipped there before a command and taken back after it."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import cast

from sandbox import porter, remotecontainer
from sandbox.bwrap import FILES, first_steps
from sandbox.cage import Cage
from sandbox.dockerengine import OWNER, SCRATCH, Engine, Image
from sandbox.dockerplan import ENDS, Held, User
from sandbox.dockerpool import Pool
from sandbox.environment import merged
from sandbox.errors import SandboxError
from sandbox.host import HostSandbox
from sandbox.machine import real
from sandbox.meter import Meter
from sandbox.mirror import Mirror
from sandbox.owner import owner
from sandbox.quota import FLOOR_BYTES, Room
from sandbox.remotecontainer import RemoteContainer
from sandbox.remoteexec import RemoteExecution, RemoteMeter
from sandbox.remoteplan import (
    INPUTS,
    PUT,
    TMP,
    TREE,
    Layout,
    account,
    account_name,
    cache_name,
    command_plan,
    place,
    porter_order,
)
from sandbox.sandbox import Command, Limits, Policy, Root
from sandbox.scratch import Scratch

_GONE_S = 60
_ROOM_S = 0.5


class RemoteSandbox(HostSandbox):
    """A sandbox of containers out of sight. `DockerDriver.open` makes it."""

    driver = "docker"

    def __init__(
        self, root: Root, policy: Policy, scratch: Scratch, engine: Engine, image: Image, user: tuple[int, int]
    ) -> None:
        super().__init__(scratch)
        self._engine = engine
        self._root = replace(root, target=real(root.target), writable=tuple(map(real, root.writable)))
        self._user = User(*user)
        self._labels = {OWNER: owner(), SCRATCH: str(scratch.path)}
        for name in first_steps(self._root):
            (scratch.tmp / name).mkdir(exist_ok=True)
        shown = tuple(path for path in root.readonly if os.path.lexists(path))
        self._layout = Layout.of(replace(self._root, readonly=shown), scratch.tmp)
        self._numbers = count()
        self._pool = Pool(lambda held: RemoteContainer(engine, self._plan.order(held), held))
        self._counting = threading.Lock()
        self._under_way = 0
        self._shipper = ""
        self._names: dict[int, str] = {}
        self._porter: porter.Porter | None = None
        with ExitStack() as failed:
            failed.callback(self._dispose)
            self._image = self._with_account(image)
            self._open(policy)
            failed.pop_all()
        programs = remotecontainer.PROGRAM.read_text("utf-8")
        self._plan = command_plan(self._layout, self._names, self._image, self._user, programs, policy, self._labels)

    @property
    def root(self) -> Path:
        """The absolute path at which commands see the tree."""
        return self._root.target

    def put(self, name: str, data: bytes) -> str:
        """Give commands a read-only file; return its path inside."""
        self._check_open()
        kept = self._scratch.put(name, data)
        self._ours.put(PUT, name, data, kept.stat().st_mode & 0o777)
        return str(FILES / name)

    def close(self) -> None:
        """End everything. Safe to call twice."""
        super().close()
        self._engine.close()

    @property
    def _ours(self) -> porter.Porter:
        assert self._porter is not None
        return self._porter

    def _with_account(self, image: Image) -> Image:
        """Return the image with the commands' user in its lists, since no file of this machine can be shown there."""
        name = account_name(image, self._user)
        if not self._engine.has(name):
            image = self._engine.image(image.id, self._labels)
            lists = self._scratch.listed(self._user.uid, self._user.gid, image.passwd, image.group)
            packed = account(self._user, *(path.read_bytes() for path in lists))
            self._engine.with_files(name, image.id, packed, self._labels)
        return replace(image, id=self._engine.find(name))

    def _open(self, policy: Policy) -> None:
        """Start what ships files, and ship everything for the first time."""
        layout = self._layout
        cache = cache_name(self._image, self._user, self._root.target)
        program = porter.PROGRAM.read_text("utf-8")
        order = porter_order(layout, self._image, self._user, cache, program, self._labels)
        self._shipper = self._engine.create(order)
        mounted = self._engine.mounted(self._shipper)
        self._names = {each.number: mounted[place(each.number)] for each in layout.all}
        mirrors = {number: self._mirror(source, number, policy) for number, source in layout.sources.items()}
        self._porter = porter.Porter(self._engine.start(self._shipper), mirrors)
        self._porter.ship(list(layout.sources))

    def _mirror(self, source: Path, number: int, policy: Policy) -> Mirror:
        if not source.is_dir():
            raise SandboxError(f"{source} is no directory: nothing else can be shipped to another machine's engine")
        hidden = {str(path.relative_to(source)) for path in policy.hidden if path.is_relative_to(source)}
        return Mirror(source, frozenset(hidden), guards=number == TREE)

    def _release(self) -> bool:
        self._pool.close()
        if self._porter is not None:
            self._porter.close()
            self._porter = None
        try:
            if self._shipper:
                self._engine.remove(self._shipper)
                self._engine.await_removal(self._shipper, _GONE_S)
            for name in self._names.values():
                self._engine.remove_volume(name)
        except SandboxError:
            return False
        self._names = {}
        return True

    def _prepare(
        self, command: Command, limits: Limits, channel: socket.socket | None
    ) -> tuple[RemoteExecution, RemoteExecution]:
        checked = replace(command, environment=merged(command.environment))
        held, number = Held.of(limits), next(self._numbers)
        execution = RemoteExecution(
            engine=self._engine,
            take=lambda: self._pool.take(held),
            give_back=self._pool.give_back,
            ship=lambda: self._ship(number, command.stdin),
            collect=lambda: self._collect(number, command.stdin),
            user=self._user,
            command=checked,
            directory=os.path.normpath(self.root / command.cwd),
            limits=limits,
            channel=None if channel is None else (f"nightcrew-{number}", channel),
        )
        return execution, execution

    def _meter(self, limits: Limits, cage: Cage) -> Meter:
        return RemoteMeter(limits, cast(RemoteExecution, cage).measured)

    def _room(self, limits: Limits) -> Room:
        return RemoteRoom(self._ours, TMP, limits.tmp_bytes)

    def _ship(self, number: int, stdin: bytes) -> str:
        with self._counting:
            self._under_way += 1
        self._ours.ship(self._layout.returned)
        if not stdin:
            return os.devnull
        self._ours.put(INPUTS, str(number), stdin, 0o600)
        return str(ENDS / str(number))

    def _collect(self, number: int, stdin: bytes) -> None:
        with self._counting:
            self._under_way -= 1
            quiet = not self._under_way
        if stdin:
            self._ours.drop(INPUTS, str(number))
        self._ours.collect(self._layout.returned, quiet)


class RemoteRoom:
    """The room of a sandbox's /tmp, and of the disk it lies on at the engine; looked at beside the command."""

    def __init__(self, ours: porter.Porter, tmp: int, limit_bytes: int | None) -> None:
        self._ours = ours
        self._tmp = tmp
        self._limit_bytes = limit_bytes
        self._floor_bytes: int | None = None
        self._due = 0.0
        self._why: str | None = None
        self._looking = threading.Lock()

    def passed(self) -> str | None:
        """Say what is over, None while all is well."""
        if time.monotonic() >= self._due and self._looking.acquire(blocking=False):
            threading.Thread(target=self._look, name="sandbox-room", daemon=True).start()
        return self._why

    def _look(self) -> None:
        began = time.monotonic()
        # Should what ships files have gone, the command's end says so.
        with suppress(SandboxError):
            held, free = self._ours.room(
                self._tmp, FLOOR_BYTES << 10 if self._limit_bytes is None else self._limit_bytes
            )
            if self._floor_bytes is None:
                # Where there was less from the start, the command is not to blame.
                self._floor_bytes = min(FLOOR_BYTES, free // 2)
            if free < self._floor_bytes:
                self._why = f"only {free} bytes are left on the disk of the engine's machine"
            elif self._limit_bytes is not None and held > self._limit_bytes:
                self._why = f"its /tmp grew over {self._limit_bytes} bytes"
        took = time.monotonic() - began
        self._due = began + max(_ROOM_S, 20 * took)
        self._looking.release()
