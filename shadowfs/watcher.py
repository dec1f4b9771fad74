"""Watches the directories of a working tree, those of ignored files apart: which paths changed, and which are still being written.

By inotify, in calls to the C library; where that cannot be (network file systems, too many directories), by looking again and again.
"""

from __future__ import annotations

import ctypes
import os
import select
import stat
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from shadowfs.names import is_git

MODIFY, ATTRIB, CLOSE_WRITE = 0x2, 0x4, 0x8
MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x40, 0x80, 0x100, 0x200
OVERFLOW, IGNORED, IS_DIRECTORY = 0x4000, 0x8000, 0x40000000
_ONLY_DIRECTORIES, _NO_LINKS, _NOT_UNLINKED = 0x01000000, 0x02000000, 0x04000000
_MASK = MODIFY | ATTRIB | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE
_MASK |= _ONLY_DIRECTORIES | _NO_LINKS | _NOT_UNLINKED
_EVENT = struct.Struct("iIII")
# A file that is open and has not been written for so long is as its writer wants it.
_WRITING_S = 1.0
_POLL_S = 0.5
# Between two looks at everything at least so many times what one takes.
_REST = 10
_REMOTE = ("nfs", "nfs4", "cifs", "smb3", "9p", "vboxsf", "virtiofs", "ceph", "fuse", "fuseblk", "afs")
_libc = ctypes.CDLL(None, use_errno=True)

Skips = Callable[[bytes], bool]
"""Says whether a path lies in a directory that nobody watches."""


class Watcher(Protocol):
    """What changed below a working tree since it was last taken. Paths are relative; a directory stands for all below it."""

    changed: set[bytes]
    lost: bool
    """Whether more changed than is known."""
    last: float
    """When something changed last, on the monotonic clock."""

    def look(self, timeout_s: float) -> None:
        """Take note of what changed; where nothing has yet, wait for it."""
        ...

    def writing(self) -> set[bytes]:
        """Return the files that somebody is about to write."""
        ...

    def turn(self, path: bytes) -> None:
        """Take note that a path is skipped from now on, or no longer."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


def watch(root: Path, skips: Skips) -> Watcher:
    """Watch a working tree in the best way that works there."""
    if not is_remote(root):
        with suppress(OSError):
            return NotifiedWatcher(root, skips)
    return PollingWatcher(root, skips)


def is_remote(root: Path) -> bool:
    """Say whether others may change the file system of a directory without this machine's knowledge."""
    device = root.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
        fields, _, kind = line.partition(" - ")
        if fields.split()[2] == wanted:
            return kind.split()[0].split(".")[0] in _REMOTE
    return False


class NotifiedWatcher:
    """Is told by the kernel. Raises `OSError` where there are more directories than may be watched."""

    def __init__(self, root: Path, skips: Skips) -> None:
        self.changed: set[bytes] = set()
        self.lost = False
        self.last = 0.0
        self._root = os.fsencode(root)
        self._skips = skips
        self._written: dict[bytes, float] = {}
        self._paths: dict[int, bytes] = {}
        self._fd = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        try:
            self._add(b"")
        except OSError:
            self.close()
            raise

    def look(self, timeout_s: float) -> None:
        """Take note of what changed."""
        if self._poll.poll(max(0.0, timeout_s) * 1000):
            with suppress(BlockingIOError):
                while data := os.read(self._fd, 1 << 16):
                    self._take(data)

    def writing(self) -> set[bytes]:
        """Return the files that were opened for writing, or written, and not closed since; those that rest for long apart."""
        now = time.monotonic()
        for path in [path for path, at in self._written.items() if now - at > _WRITING_S]:
            del self._written[path]
            self.changed.add(path)
        return set(self._written)

    def turn(self, path: bytes) -> None:
        """Watch what is below a path, or no longer."""
        self._drop(path)
        if not self._skips(path):
            self._add(path)

    def close(self) -> None:
        """Stop watching. Safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _take(self, data: bytes) -> None:
        self.last = time.monotonic()
        at = 0
        while at < len(data):
            number, mask, _, size = _EVENT.unpack_from(data, at)
            name = data[at + _EVENT.size : at + _EVENT.size + size].rstrip(b"\0")
            at += _EVENT.size + size
            directory = self._paths.get(number)
            if mask & OVERFLOW:
                self._start_over()
            elif mask & IGNORED:
                self._paths.pop(number, None)
            elif directory is not None and name and not is_git(name):
                path = directory + b"/" + name if directory else name
                if not self._skips(path):
                    self._note(path, mask)

    def _note(self, path: bytes, mask: int) -> None:
        if mask & IS_DIRECTORY:
            if mask & (MOVED_FROM | DELETE):
                self._drop(path)
            if mask & (MOVED_TO | CREATE):
                self._add(path)
            if mask & ~ATTRIB & _MASK:
                self.changed.add(path)
        elif mask & MODIFY or (mask & CREATE and self._is_plain(path)):
            self._written[path] = self.last
        else:
            self._written.pop(path, None)
            self.changed.add(path)

    def _is_plain(self, path: bytes) -> bool:
        """Say whether a new name is a new file, which its maker is about to write, and no link."""
        try:
            status = os.lstat(self._root + b"/" + path)
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_nlink == 1

    def _add(self, path: bytes) -> None:
        """Watch a directory and those below it; what is made there meanwhile is part of what changed."""
        full = self._root + b"/" + path if path else self._root
        number = _libc.inotify_add_watch(self._fd, full, _MASK)
        if number < 0:
            code = ctypes.get_errno()
            if isinstance(OSError(code, ""), FileNotFoundError | NotADirectoryError | PermissionError):
                return
            raise OSError(code, os.strerror(code))
        self._paths[number] = path
        for below in _directories(full):
            inner = path + b"/" + below if path else below
            if not self._skips(inner):
                self._add(inner)

    def _drop(self, path: bytes) -> None:
        for number, watched in list(self._paths.items()):
            if watched == path or watched.startswith(path + b"/"):
                del self._paths[number]
                _libc.inotify_rm_watch(self._fd, number)

    def _start_over(self) -> None:
        self.lost = True
        self._written.clear()
        self._add(b"")


class PollingWatcher:
    """Looks at everything twice a second, less often where that takes long. A file changed once two looks find it the same."""

    def __init__(self, root: Path, skips: Skips) -> None:
        self.changed: set[bytes] = set()
        self.lost = False
        self.last = 0.0
        self._root = os.fsencode(root)
        self._skips = skips
        self._moving: set[bytes] = set()
        self._known = dict(self._files(b""))
        self._next = time.monotonic() + _POLL_S

    def look(self, timeout_s: float) -> None:
        """Look again, where it is time for that within the timeout."""
        wait_s = self._next - time.monotonic()
        if wait_s > timeout_s:
            time.sleep(max(0.0, timeout_s))
            return
        time.sleep(max(0.0, wait_s))
        start = time.monotonic()
        now = dict(self._files(b""))
        differing = {path for path in now.keys() | self._known.keys() if now.get(path) != self._known.get(path)}
        self.changed |= self._moving - differing
        self._moving, self._known = differing, now
        if differing:
            self.last = time.monotonic()
        self._next = time.monotonic() + max(_POLL_S, _REST * (time.monotonic() - start))

    def writing(self) -> set[bytes]:
        """Return the files that were not the same at the last two looks."""
        return set(self._moving)

    def turn(self, path: bytes) -> None:
        """Do nothing: the next look asks for itself."""

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def _files(self, directory: bytes) -> Iterator[tuple[bytes, tuple[int, ...]]]:
        try:
            with os.scandir(self._root + b"/" + directory) as listing:
                entries = list(listing)
        except OSError:
            return
        for entry in entries:
            path = directory + b"/" + entry.name if directory else entry.name
            if is_git(entry.name) or self._skips(path):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(status.st_mode):
                yield from self._files(path)
            else:
                yield (
                    path,
                    (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino),
                )


def _directories(full: bytes) -> Iterable[bytes]:
    try:
        with os.scandir(full) as listing:
            return [entry.name for entry in listing if entry.is_dir(follow_symlinks=False) and not is_git(entry.name)]
    except OSError:
        return []


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
