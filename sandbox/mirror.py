"""A tree of this machine that has a copy elsewhere: what changed here since both were the same, and writing what changed there.

What comes from there is hostile: every step to a file is one name, relative to an open directory, and no link is followed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.errors import SandboxError

MOST_FILES = 500_000
MOST_BYTES = 4 << 30
"""Of a tree that is shipped, and of what one command wrote."""

_TICK_NS = 100_000_000
_CHUNK_BYTES = 1 << 20
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_REFUSED = frozenset((errno.EPERM, errno.EACCES, errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG, errno.ELOOP))
# Whatever some file system takes for `.git`: case, trailing dots, streams, short names, what HFS+ does not see.
_GIT = re.compile(r"(?:.*\\)?(?:\.git|git~[0-9]+)[. ]*(?::.*)?", re.IGNORECASE | re.DOTALL)
_UNSEEN = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")

Stamp = tuple[int, ...]
_NEVER: Stamp = ()


@dataclass(frozen=True, slots=True)
class Item:
    """A file (`f`), link (`l`) or directory (`d`): its permissions, when it was changed, its size, and its content's SHA-256 or aim."""

    path: str
    kind: str
    mode: int
    mtime_ns: int = 0
    size: int = 0
    what: str = ""

    @property
    def same(self) -> tuple[object, ...]:
        """What makes it the same on both sides."""
        return (self.kind, self.mode, self.mtime_ns if self.kind == "f" else 0, self.what)


@dataclass(slots=True)
class Mirror:
    """The tree below `source`, and each path as both sides had it last; `hidden` paths have no copy.

    `guards` says that what leads into a `.git` is never written.
    """

    source: Path
    hidden: frozenset[str] = frozenset()
    guards: bool = False
    seen: dict[str, tuple[Stamp, Item]] = field(default_factory=dict)

    def look(self) -> tuple[list[str], list[tuple[Item, os.stat_result]]]:
        """Return what has gone here, and what is new or changed with its status, directories first; nothing is noted yet."""
        found: set[str] = set()
        made = []
        total = 0
        for path, status in self._walk():
            found.add(path)
            total += status.st_size if stat.S_ISREG(status.st_mode) else 0
            if total > MOST_BYTES or len(found) > MOST_FILES:
                raise SandboxError(
                    f"{self.source} holds more than {MOST_BYTES >> 30} GiB or {MOST_FILES} files, which is too much to ship to"
                    " another machine's engine: remove what is not needed (build output, ignored files), or use the local sandbox"
                )
            known = self.seen.get(path)
            if known is not None and known[0] == _stamp(status):
                continue
            item = self._item(path, status)
            if item is not None and (known is None or known[1].same != item.same):
                made.append((item, status))
            elif item is not None:
                self.note(item, status)
        return sorted(self.seen.keys() - found, reverse=True), sorted(made, key=lambda each: each[0].path)

    def note(self, item: Item, status: os.stat_result | None = None) -> None:
        """Note that both sides have `item`, which was read when its file had this status; without, it is read again next time."""
        young = status is None or status.st_ctime_ns > time.time_ns() - _TICK_NS
        self.seen[item.path] = (_NEVER if young or status is None else _stamp(status), item)

    def read(self, item: Item) -> bytes | None:
        """Return a file's content, None when it is no longer the one it was."""
        try:
            with self._parent(item.path) as (at, name), os.fdopen(os.open(name, _READ, dir_fd=at), "rb") as file:
                data = file.read()
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == item.what else None

    def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        self.seen.pop(path, None)
        if self._refuses(path):
            return
        with suppress(FileNotFoundError, NotADirectoryError), self._parent(path) as (at, name):
            try:
                os.unlink(name, dir_fd=at)
            except (IsADirectoryError, PermissionError):
                # What is not empty holds something that was made here meanwhile.
                with suppress(OSError):
                    os.rmdir(name, dir_fd=at)

    def write(self, item: Item, chunks: Iterable[bytes] = ()) -> None:
        """Make a file, link or directory as it is there; what this machine's tree refuses is left out. Raises `SandboxError`."""
        digest = hashlib.sha256()
        pieces = iter(chunks)
        try:
            if not self._refuses(item.path):
                with self._parent(item.path) as (at, name):
                    self._make(item, at, name, self._hashed(pieces, digest))
                what = digest.hexdigest() if item.kind == "f" else item.what
                self.note(Item(item.path, item.kind, item.mode, item.mtime_ns, item.size, what))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise SandboxError(f"what a command wrote has no room on this machine: {error}") from error
            if error.errno not in _REFUSED | {errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EISDIR}:
                raise SandboxError(f"{item.path!r}, which a command wrote, cannot be kept: {error}") from error
        finally:
            for _ in pieces:
                pass

    @staticmethod
    def _hashed(pieces: Iterator[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
        for piece in pieces:
            digest.update(piece)
            yield piece

    def _make(self, item: Item, at: int, name: str, pieces: Iterator[bytes]) -> None:
        kept = _lstat(name, at)
        if kept is not None and not (item.kind == "d" and stat.S_ISDIR(kept.st_mode)):
            _clear(name, at, kept)
        if item.kind == "d":
            if kept is None or not stat.S_ISDIR(kept.st_mode):
                os.mkdir(name, dir_fd=at)
            self._finish(os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at), item)
        elif item.kind == "l":
            os.symlink(item.what, name, dir_fd=at)
            if (owner := self._owner()) is not None:
                os.chown(name, *owner, dir_fd=at, follow_symlinks=False)
        else:
            made = os.open(name, _MAKE, 0o600, dir_fd=at)
            with os.fdopen(made, "wb", closefd=False) as file:
                for piece in pieces:
                    file.write(piece)
            self._finish(made, item)

    def _finish(self, made: int, item: Item) -> None:
        """Give what was made its owner, permissions and time, and close it."""
        try:
            if (owner := self._owner()) is not None:
                os.fchown(made, *owner)
            os.fchmod(made, item.mode | (0o700 if item.kind == "d" else 0))
            if item.kind == "f":
                os.utime(made, ns=(item.mtime_ns, item.mtime_ns))
        finally:
            os.close(made)

    def _owner(self) -> tuple[int, int] | None:
        """Return whom root gives to what it makes: the tree's owner."""
        if os.geteuid() != 0:
            return None
        status = self.source.stat()
        return (status.st_uid, status.st_gid)

    def _refuses(self, path: str) -> bool:
        return self.guards and any(_GIT.fullmatch(_UNSEEN.sub("", name)) for name in path.split("/"))

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        names = path.split("/")
        at = os.open(self.source, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in names[:-1]:
                below = os.open(name, _DIRECTORY, dir_fd=at)
                os.close(at)
                at = below
            yield at, names[-1]
        finally:
            os.close(at)

    def _walk(self) -> Iterator[tuple[str, os.stat_result]]:
        pending = [""]
        while pending:
            directory = pending.pop()
            try:
                with os.scandir(self.source / directory) as listing:
                    entries = list(listing)
            except (FileNotFoundError, NotADirectoryError):
                continue
            for entry in entries:
                path = f"{directory}/{entry.name}" if directory else entry.name
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if path in self.hidden:
                    continue
                if stat.S_ISDIR(status.st_mode):
                    pending.append(path)
                elif not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
                    continue
                yield path, status

    def _item(self, path: str, status: os.stat_result) -> Item | None:
        """Return what a path holds, None when it went meanwhile. Raises `SandboxError` for what may not be read."""
        mode = status.st_mode & 0o777
        if stat.S_ISDIR(status.st_mode):
            return Item(path, "d", mode | 0o700)
        try:
            with self._parent(path) as (at, name):
                if stat.S_ISLNK(status.st_mode):
                    return Item(path, "l", 0o777, status.st_mtime_ns, 0, os.readlink(name, dir_fd=at))
                with os.fdopen(os.open(name, _READ, dir_fd=at), "rb") as file:
                    return Item(path, "f", mode, status.st_mtime_ns, status.st_size, _digest(file.fileno()))
        except PermissionError as error:
            raise SandboxError(
                f"{self.source / path} cannot be read, and so not be shipped: {error.strerror}"
            ) from error
        except OSError:
            return None


def check_path(path: object) -> str:
    """Return a path that somebody hostile named, if it names something in a tree. Raises `SandboxError`."""
    if isinstance(path, str) and path and is_name(path):
        names = path.split("/")
        if all(name not in ("", ".", "..") for name in names):
            return path
    raise SandboxError(f"the container named {path!r:.100}, which is no path in a tree: its image is not what it seems")


def is_name(text: str) -> bool:
    """Say whether a file system could have `text` for a path or a link's aim."""
    try:
        return "\0" not in text and len(os.fsencode(text)) < 4096
    except UnicodeEncodeError:
        return False


def _digest(descriptor: int) -> str:
    known = hashlib.sha256()
    while data := os.read(descriptor, _CHUNK_BYTES):
        known.update(data)
    return known.hexdigest()


def _stamp(status: os.stat_result) -> Stamp:
    if stat.S_ISDIR(status.st_mode):
        return (status.st_mode,)
    return (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _lstat(name: str, at: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _clear(name: str, at: int, status: os.stat_result) -> None:
    (os.rmdir if stat.S_ISDIR(status.st_mode) else os.unlink)(name, dir_fd=at)
