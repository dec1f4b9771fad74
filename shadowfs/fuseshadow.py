"""One FUSE shadow, on the owner's side: asks its server, and reads and writes through the mount like any client."""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from shadowfs import wire
from shadowfs.beneath import delete_beneath, open_beneath, read_beneath, restore_beneath, write_beneath
from shadowfs.change import Change, Entry, RepoPath
from shadowfs.copying import copy_tree
from shadowfs.errors import RefusedPath, ShadowfsError
from shadowfs.home import Home
from shadowfs.ignore import ignored_paths
from shadowfs.order import Order, Place
from shadowfs.pintable import PinTable
from shadowfs.shadow import Mount, Moved
from shadowfs.snapshot import Snapshot
from shadowfs.space import needing_space

_ANSWER_S = 60.0
_DEAD = (errno.ENOTCONN, errno.ECONNABORTED, errno.ENODEV)


class Kept:
    """A home that stays until its shadow and every shadow forked from it, which read its upper files, are closed."""

    def __init__(self, home: Home, parent: Kept | None = None) -> None:
        self.home = home
        self._parent = parent
        self._users = 1
        if parent is not None:
            parent._users += 1

    def release(self) -> None:
        """Count one user less; remove the home with the last."""
        self._users -= 1
        if self._users == 0:
            self.home.remove()
            if self._parent is not None:
                self._parent.release()


def requests_of(control: socket.socket) -> socket.socket:
    """Return a control socket that gives up on a server that does not answer."""
    control.settimeout(_ANSWER_S)
    return control


def ready(control: socket.socket) -> int:
    """Wait until a server's mount stands and return its process id; raise `ShadowfsError` with what it says else."""
    message = _answer(control, "the server of a new shadow")
    if "error" in message:
        raise ShadowfsError(message["error"])
    return int(message["pid"])


class FuseShadow:
    """A shadow served by a process of its own. What this side reads and writes goes through the mount, so both agree."""

    def __init__(
        self, made: list[FuseShadow], snapshot: Snapshot, order: Order, kept: Kept, control: socket.socket, pid: int
    ) -> None:
        self._made = made
        self._snapshot = snapshot
        self._order = order
        self._kept = kept
        self._home = kept.home
        self._control = control
        self._pid = pid
        self._server = os.pidfd_open(pid)
        self._root = -1
        self._ended = False
        self._lock = threading.Lock()
        self._blobs: dict[tuple[str, int], str] = {}
        self._sealed: Change | None = None
        self._closed = False

    @property
    def id(self) -> str:
        """Return its id, the name of its directory below the state's `shadows`."""
        return self._home.id

    @property
    def driver(self) -> str:
        """Return `fuse`."""
        return "fuse"

    @property
    def snapshot(self) -> Snapshot:
        """Return the snapshot it is a shadow of."""
        return self._snapshot

    @property
    def mount(self) -> Mount:
        """Return where its files are: inside the server's namespace, unless it was made visible."""
        namespace = None if self._order.visible else self._pid
        return Mount(self._home.mnt, namespace, self._home.git, self._snapshot.depot.objects)

    def read(self, path: RepoPath) -> bytes:
        """Return the content of a file; a link inside the tree is followed."""
        with self._mounted() as root:
            return read_beneath(root, path)

    def write(self, path: RepoPath, data: bytes, *, executable: bool | None = None) -> None:
        """Replace or create a file, making its directories."""
        with self._mounted() as root, needing_space(self._home.path):
            write_beneath(root, path, data, executable=executable)

    def delete(self, path: RepoPath) -> None:
        """Remove a file."""
        with self._mounted() as root:
            delete_beneath(root, path)

    def paths(self) -> Iterator[RepoPath]:
        """Yield every file of the change's universe, sorted."""
        entries = self._entries() if self._sealed is None else self._sealed_entries()
        found = {os.fsdecode(path) for path, file in self._table() if not file.absent}
        found -= {path for path, entry in entries.items() if entry is None}
        found |= {path for path, entry in entries.items() if entry is not None}
        return iter(sorted(found))

    def fork(self) -> FuseShadow:
        """Return a new shadow that starts from this one's present state."""
        with needing_space(self._home.path):
            home = Home.create(self._home.path.parent.parent)
            try:
                return self._fork(home)
            except BaseException:
                home.remove()
                raise

    def move(self, snapshot: Snapshot, tree: str | None = None) -> Moved:
        """Become a shadow of a later snapshot, or of `tree` over its ignored files, apart from what it has of its own."""
        order = self._order.over(snapshot, tree or snapshot.tree)
        with self._lock, _uninterrupted():
            for op in ("move", "moved"):
                message = self._request({"op": op, "order": order.message()})
                if "error" in message:
                    raise ShadowfsError(f"shadow {self.id} cannot move to snapshot {snapshot.id}: {message['error']}")
            self._order, self._snapshot = order, snapshot
        return Moved(tuple(sorted(message["taken"])), tuple(sorted(message["kept"])))

    def restore(self, tree: str) -> Change:
        """Make the files those of a tree of the depot, and return what that changed."""
        change = self._snapshot.depot.change(self.checkpoint(), tree)
        with self._mounted() as root, needing_space(self._home.path):
            restore_beneath(root, change)
        return change

    def checkpoint(self) -> str:
        """Write the present state into the depot and return its tree id."""
        if self._sealed is not None:
            return self._sealed.tree
        with needing_space(self._home.path):
            return self._graft(self._entries())

    def change(self) -> Change:
        """Return what differs between the tree it was created from and now."""
        return self._sealed or self._snapshot.depot.change(self._order.tree, self.checkpoint())

    def seal(self) -> Change:
        """End the server, so that nothing can write any more; return the final change."""
        if self._sealed is not None:
            return self._sealed
        with self._lock, needing_space(self._home.path):
            self._flush()
            message = self._request({"op": "seal"})
            self._end()
            tree = self._graft(self._take(message["differences"]))
        self._sealed = self._snapshot.depot.change(self._order.tree, tree)
        return self._sealed

    def check(self) -> None:
        """Raise `ShadowfsError` where its server has ended though nobody told it to."""
        if not self._ended and select.select([self._server], [], [], 0)[0]:
            raise self._gone(OSError(errno.ESRCH, os.strerror(errno.ESRCH)))

    def close(self) -> None:
        """End the server and remove everything it kept. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        with self._lock:
            with suppress(OSError):
                wire.send(self._control, {"op": "end"})
            self._end()
        os.close(self._server)
        self._kept.release()
        if self in self._made:
            self._made.remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _fork(self, home: Home) -> FuseShadow:
        place = Place.of(home)
        with self._lock:
            self._flush()
            ours, theirs = socket.socketpair()
            try:
                with theirs:
                    self._send({"op": "fork", "place": place.message()}, [theirs.fileno()])
                # The server divides meanwhile.
                copy_tree(self._home.git, home.git)
                pid = ready(requests_of(ours))
            except BaseException:
                ours.close()
                raise
        order = replace(self._order, place=place)
        shadow = FuseShadow(self._made, self._snapshot, order, Kept(home, self._kept), ours, pid)
        shadow._blobs.update(self._blobs)
        self._made.append(shadow)
        return shadow

    def _entries(self) -> dict[RepoPath, Entry | None]:
        """Return what differs from the tree the shadow was made from, with its content kept in the depot."""
        with self._lock:
            self._flush()
            message = self._request({"op": "checkpoint"})
            try:
                return self._take(message["differences"])
            finally:
                self._send({"op": "read"})

    def _take(self, differences: list[dict[str, Any]]) -> dict[RepoPath, Entry | None]:
        """Keep the files' content in the depot, those that hash as before apart, and return their entries."""
        ignored = ignored_paths(self._snapshot, [found["path"] for found in differences if not found["pinned"]])
        found = [difference for difference in differences if difference["path"] not in ignored]
        written = {(item["file"], item["stamp"]): item["file"] for item in found if item["file"] is not None}
        fresh = [key for key in written if key not in self._blobs]
        depot = self._snapshot.depot
        blobs = depot.write_files([Path(written[key]) for key in fresh])
        self._blobs.update(zip(fresh, blobs, strict=True))
        entries: dict[RepoPath, Entry | None] = {}
        for item in found:
            if item["mode"] is None:
                entries[item["path"]] = None
                continue
            blob = item["blob"]
            if item["target"] is not None:
                blob = depot.write(os.fsencode(item["target"]))
            elif item["file"] is not None:
                blob = self._blobs[item["file"], item["stamp"]]
            entries[item["path"]] = Entry(item["mode"], blob)
        return entries

    def _graft(self, entries: dict[RepoPath, Entry | None]) -> str:
        depot = self._snapshot.depot
        tree = depot.graft(self._order.tree, entries)
        depot.keep(f"trees/{tree}", tree)
        return tree

    def _sealed_entries(self) -> dict[RepoPath, Entry | None]:
        assert self._sealed is not None
        return {file.path: file.after for file in self._sealed.files}

    def _table(self) -> PinTable:
        table = PinTable.load(self._snapshot.pin)
        if self._order.tree == self._snapshot.tree:
            return table
        return table.overlay(self._snapshot.depot.change(self._snapshot.tree, self._order.tree), 0)

    def _flush(self) -> None:
        """Bring to the server what processes wrote to shared mappings of files."""
        with self._mounted() as root:
            for path in self._request({"op": "opened"})["paths"]:
                # To sync the whole mount would start the writing, not wait for it. A file that went needs neither.
                with suppress(FileNotFoundError, NotADirectoryError, PermissionError, RefusedPath):
                    fd = open_beneath(root, path, os.O_RDONLY)
                    try:
                        os.fsync(fd)
                    finally:
                        os.close(fd)

    def _request(self, message: dict[str, Any]) -> dict[str, Any]:
        self._send(message)
        return _answer(self._control, f"the server of shadow {self.id}")

    def _send(self, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        self._check_open()
        try:
            wire.send(self._control, message, descriptors)
        except OSError as error:
            raise self._gone(error) from error

    @contextmanager
    def _mounted(self) -> Iterator[int]:
        """Yield a descriptor of the mount's root; tell a dead server from a client's error."""
        self._check_open()
        root = self._open_root()
        try:
            yield root
        except OSError as error:
            if error.errno in _DEAD:
                raise self._gone(error) from error
            raise

    def _open_root(self) -> int:
        """Return a descriptor of the mount's root, opened through the server's namespace by the first who needs it."""
        if self._root < 0:
            path = f"/proc/{self._pid}/root{self._order.place.mnt}"
            try:
                # While it lives, nobody else has its process id.
                signal.pidfd_send_signal(self._server, 0)
                self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError as error:
                raise self._gone(error) from error
        return self._root

    def _check_open(self) -> None:
        if self._closed:
            raise ShadowfsError(f"shadow {self.id} is closed: create another")
        if self._sealed is not None:
            raise ShadowfsError(f"shadow {self.id} is sealed: create one of the tree {self._sealed.tree} to go on")

    def _gone(self, error: OSError) -> ShadowfsError:
        return ShadowfsError(
            f"the server of shadow {self.id} (process {self._pid}) has ended: {error.strerror}; "
            f"create the shadow again from its last checkpoint (its log is {self._order.place.log})"
        )

    def _end(self) -> None:
        """Wait until the server has ended, after it was told to, and let go of its mount."""
        if self._ended:
            return
        self._ended = True
        if self._root >= 0:
            os.close(self._root)
            self._root = -1
        try:
            while self._control.recv(1 << 16):
                continue
        except OSError:
            # It hangs, or died in the middle of an answer.
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._server, signal.SIGKILL)
        self._control.close()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put off Ctrl-C and requests to end until what takes two answers is whole."""
    old = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


def _answer(control: socket.socket, whose: str) -> dict[str, Any]:
    try:
        return wire.receive(control)[0]
    except TimeoutError as error:
        raise ShadowfsError(f"{whose} has not answered for {_ANSWER_S:.0f} s: close it and create another") from error
    except (EOFError, OSError) as error:
        raise ShadowfsError(f"{whose} has ended: create the shadow again from its last checkpoint") from error
