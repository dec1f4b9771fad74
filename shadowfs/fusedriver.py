"""The `fuse` driver, on the owner's side: keeps the zygote and has it fork a server for each shadow."""

from __future__ import annotations

import errno
import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from shadowfs import kept, wire
from shadowfs.errors import DriverUnavailable, ShadowfsError
from shadowfs.fuseshadow import FuseShadow, Kept, ready, requests_of
from shadowfs.gitdir import make_shadow_git_dir
from shadowfs.home import Home
from shadowfs.order import Order, Place, Quota, overlay_of
from shadowfs.shadow import Probe
from shadowfs.snapshot import Snapshot
from shadowfs.space import needing_space

_START = "import sys; sys.path[:] = {path!r}; from shadowfs.zygote import main; main({descriptor})"
# How long an end that has begun takes at most.
_GRACE_S = 0.5
_INSTALL = "apt-get install fuse3 libfuse3-dev pkg-config gcc, then pip install 'nightcrew[fuse]'"


class FuseDriver:
    """Makes shadows below `state` that are FUSE mounts, each served by a process of its own.

    `loop` is `sync`, or `trio` should the first not work with some pyfuse3. `quota` bounds what one shadow may hold.
    """

    def __init__(self, state: Path, *, loop: str = "sync", quota: Quota | None = None) -> None:
        self._state = state.absolute()
        self._loop = loop
        self._quota = quota or Quota()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._made: list[FuseShadow] = []

    @property
    def name(self) -> str:
        """Return `fuse`."""
        return "fuse"

    def warm(self) -> None:
        """Start the zygote, so that its imports overlap with other work. Safe to call at any time."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()

    def probe(self) -> Probe:
        """Say whether it works here, by mounting in a child."""
        if importlib.util.find_spec("pyfuse3") is None:
            return Probe(False, f"the package pyfuse3 is not installed: {_INSTALL}")
        try:
            os.close(os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC))
        except FileNotFoundError:
            return Probe(False, "there is no /dev/fuse: load the kernel's module (modprobe fuse) or pass the device in")
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                return Probe(False, "/dev/fuse may not be opened: allow it (chmod 666 /dev/fuse) or run as root")
            return Probe(False, f"/dev/fuse does not open: {error}")
        with tempfile.TemporaryDirectory(prefix="nightcrew-") as mnt:
            try:
                with self._ask({"op": "try", "mnt": mnt}) as control:
                    ready(control)
            except ShadowfsError as error:
                return Probe(False, f"a mount was tried and refused: {self._last_words() or error}")
        return Probe(True)

    def create(
        self,
        snapshot: Snapshot,
        tree: str | None = None,
        *,
        visible: bool = False,
        user: tuple[int, int] | None = None,
    ) -> FuseShadow:
        """Return a fresh shadow of `snapshot`, or of `tree` over its ignored files; `visible`: mounted for everybody to see.

        With a `user` (uid and gid) it is visible, others may use it too, and what is the caller's shows as that user's.
        Raises `DriverUnavailable` with the reason where mounting fails, `NoSpace` when the disk is full.
        """
        with needing_space(self._state):
            home = Home.create(self._state)
            try:
                order = self._order(home, snapshot, tree or snapshot.tree, visible or user is not None, user)
                control = self._ask({"op": "serve", "order": order.message()})
                make_shadow_git_dir(home.git, snapshot)
                pid = self._ready(control, user is not None)
            except BaseException:
                home.remove()
                raise
        shadow = FuseShadow(self._made, snapshot, order, Kept(home), control, pid)
        self._made.append(shadow)
        return shadow

    def close(self) -> None:
        """Close every shadow it made, end the zygote, and what is kept on the depots below its state."""
        for shadow in list(self._made):
            shadow.close()
        with self._lock:
            self._end()
        kept.end(self._state)

    def _order(self, home: Home, snapshot: Snapshot, tree: str, visible: bool, user: tuple[int, int] | None) -> Order:
        return Order(
            place=Place.of(home),
            repository=str(snapshot.repository),
            depot=str(snapshot.depot.path),
            pin=str(snapshot.pin),
            base=snapshot.tree,
            tree=tree,
            overlay=overlay_of(snapshot, tree),
            quota=self._quota,
            loop=self._loop,
            visible=visible,
            user=user,
        )

    def _ready(self, control: socket.socket, shared: bool) -> int:
        try:
            return ready(control)
        except ShadowfsError as error:
            control.close()
            probe = self.probe()
            why = str(error) if probe.works else probe.why
            if probe.works and shared and os.geteuid() != 0:
                why += "; for others than its owner to use it, /etc/fuse.conf needs the line `user_allow_other`"
            raise DriverUnavailable(f"no FUSE mount: {why}") from error

    def _ask(self, message: dict[str, Any]) -> socket.socket:
        """Have the zygote fork a process and return a socket to that one."""
        self.warm()
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            assert self._channel is not None
            try:
                wire.send(self._channel, message, [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise DriverUnavailable(f"the zygote ended: {self._last_words() or error}") from error
        return requests_of(ours)

    def _start(self) -> None:
        self._end()
        self._channel, theirs = socket.socketpair()
        with theirs:
            path = [entry for entry in sys.path if os.path.isabs(entry)]  # noqa: PTH117 - entries of the import path
            code = _START.format(path=path, descriptor=theirs.fileno())
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                # Its own: an interrupt from the terminal is for the owner alone, which then ends the rest in order.
                start_new_session=True,
                cwd="/",
            )

    def _last_words(self) -> str:
        """Return what the zygote said last, where it has ended."""
        process = self._process
        if process is None or process.stderr is None:
            return ""
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return ""
        lines = process.stderr.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _end(self) -> None:
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            self._process.wait()
            if self._process.stderr is not None:
                self._process.stderr.close()
        self._process = self._channel = None
