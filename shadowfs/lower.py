"""The lower layer: the user's working tree, only read, and the depot's blobs where a pinned file has moved on."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from pathlib import Path

from shadowfs.catfile import CatFile
from shadowfs.pintable import Row

_OPENAT2 = 437
# RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH
_RESOLVE = 0x02 | 0x04 | 0x08
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_libc = ctypes.CDLL(None, use_errno=True)


class Lower:
    """What shadows read of one repository, through a descriptor of its directory: no link leads out of it."""

    def __init__(self, repository: int, depot: Path, blobs: Path) -> None:
        self.device = os.fstat(repository).st_dev
        self._repository = repository
        self._objects = CatFile(depot)
        self._blobs = blobs

    def fork(self, blobs: Path) -> None:
        """Go on in a forked process, with a directory of its own for the content of blobs."""
        self._blobs = blobs
        blobs.mkdir(exist_ok=True)

    def open_pinned(self, path: bytes, row: Row) -> tuple[int, bool]:
        """Return a descriptor of a pinned file's content, and whether it is the user's file, to be checked at each read."""
        if row[7]:
            try:
                # A link on the way cannot deceive: what it leads to would need the pinned inode, size and times.
                fd = os.open(path, _READ, dir_fd=self._repository)
            except OSError:
                return self.open_blob(row[1]), False
            if unchanged(fd, row):
                return fd, True
            os.close(fd)
        return self.open_blob(row[1]), False

    def open_blob(self, blob: str) -> int:
        """Return a descriptor of a blob's content, kept as a file from its first use on."""
        path = self._blobs / blob
        try:
            return os.open(path, _READ)
        except FileNotFoundError:
            partial = path.with_suffix(".new")
            partial.write_bytes(self.read_blob(blob))
            partial.rename(path)
            return os.open(path, _READ)

    def read_blob(self, blob: str) -> bytes:
        """Return a blob's content."""
        return self._objects.read(blob)[1]

    def stat(self, path: bytes) -> os.stat_result | None:
        """Return the stat of a live file, None where there is none."""
        try:
            fd = self._open(path, os.O_PATH | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV, errno.ENAMETOOLONG):
                return None
            raise
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def open(self, path: bytes, seen: tuple[int, ...] | None) -> int:
        """Return a descriptor of a live regular file; raise ESTALE when it is another one than was `seen`."""
        fd = self._open(path, _READ)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or seen is None or seen[:2] != (status.st_dev, status.st_ino):
            os.close(fd)
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return fd

    def read_link(self, path: bytes) -> bytes:
        """Return where a live symbolic link points."""
        fd = self._open(path, os.O_PATH | os.O_NOFOLLOW)
        try:
            return os.readlink(b"", dir_fd=fd)
        finally:
            os.close(fd)

    def list(self, path: bytes) -> list[tuple[bytes, os.stat_result]]:
        """Return the names and stats in a live directory; nothing where it is gone."""
        try:
            fd = self._open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = []
        try:
            for name in map(os.fsencode, os.listdir(fd)):  # noqa: PTH208 - a descriptor
                try:
                    found.append((name, os.stat(name, dir_fd=fd, follow_symlinks=False)))
                except FileNotFoundError:
                    continue
        finally:
            os.close(fd)
        return found

    def _open(self, path: bytes, flags: int) -> int:
        how = (ctypes.c_uint64 * 3)(flags | os.O_CLOEXEC, 0, _RESOLVE)
        fd: int = _libc.syscall(_OPENAT2, self._repository, path, how, ctypes.sizeof(how))
        if fd < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return fd


def unchanged(fd: int, row: Row) -> bool:
    """Say whether an open file still has the stat that it was pinned with."""
    status = os.fstat(fd)
    return (
        status.st_size == row[2]
        and status.st_mtime_ns == row[3]
        and status.st_ctime_ns == row[4]
        and status.st_ino == row[5]
        and status.st_dev == row[6]
    )
