"""Copy files so that nothing is shared but blocks on disk: a reflink where the file system has them, else the data, holes kept.

The fork of a shadow waits for it: hence few system calls. Commands may be at work in the source: no name on the way is looked up twice.
"""

# ruff: noqa: PTH101, PTH102, PTH211

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_FICLONE = 0x40049409
# A file up to this size is read at once: asking for a reflink and for holes costs more than it saves.
_SMALL_BYTES = 1 << 14
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A link where a file was to be opened; something else where a file or a link was.
_SWAPPED = (errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.ENODEV)
_NOT_HERE = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM)


def copy_data(source: int, target: int) -> None:
    """Copy the whole content of one open file to another, empty one."""
    size = os.fstat(source).st_size
    if size <= _SMALL_BYTES and len(data := os.pread(source, _SMALL_BYTES + 1, 0)) <= _SMALL_BYTES:
        os.write(target, data)
        return
    try:
        fcntl.ioctl(target, _FICLONE, source)
        return
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
    os.truncate(target, size)
    offset = 0
    while offset < size:
        try:
            start = os.lseek(source, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return
        offset = os.lseek(source, start, os.SEEK_HOLE)
        _copy_range(source, target, start, offset)


def copy_file(source: Path | str, target: Path | str, directory: int | None = None) -> os.stat_result:
    """Copy a regular file with its permissions and times; return the stat of what was read.

    `source` may be relative to the open directory `directory`.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    reading = os.open(source, flags, dir_fd=directory)
    try:
        status = os.fstat(reading)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", os.fspath(source))
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            copy_data(reading, writing)
            os.fchmod(writing, stat.S_IMODE(status.st_mode) & 0o777)
            os.utime(writing, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            os.close(writing)
        return status
    finally:
        os.close(reading)


def copy_tree(source: Path | str, target: Path | str, wanted: Callable[[str], bool] = lambda _: True) -> None:
    """Copy a file, a link or a whole directory, where `wanted` says so of each; sockets, pipes and devices are left out.

    What goes away or becomes something else meanwhile, what cannot be read, and what is there already is left out too.
    """
    above, name = os.path.split(os.fspath(source))
    try:
        directory = os.open(above, _DIRECTORY & ~os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        _copy(directory, name, os.fspath(source), os.fspath(target), wanted)
    finally:
        os.close(directory)


def _copy(directory: int, name: str, source: str, target: str, wanted: Callable[[str], bool]) -> None:
    """Copy `name` in an open directory: a command that swaps a directory for a link meanwhile leads nowhere else."""
    try:
        if not wanted(source):
            return
        status = os.lstat(name, dir_fd=directory)
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(name, dir_fd=directory), target)
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)
        elif stat.S_ISREG(status.st_mode):
            copy_file(name, target, directory)
        elif stat.S_ISDIR(status.st_mode):
            _copy_directory(os.open(name, _DIRECTORY, dir_fd=directory), source, target, wanted)
    except (FileNotFoundError, FileExistsError, PermissionError, NotADirectoryError):
        return
    except OSError as error:
        if error.errno not in _SWAPPED:
            raise


def _copy_directory(opened: int, source: str, target: str, wanted: Callable[[str], bool]) -> None:
    """Copy an open directory, and close it."""
    try:
        with suppress(FileExistsError):
            os.mkdir(target)
        for name in os.listdir(opened):
            _copy(opened, name, f"{source}/{name}", f"{target}/{name}", wanted)
        status = os.fstat(opened)
        # Its owner must be able to work in it, and to remove it in the end.
        os.chmod(target, stat.S_IMODE(status.st_mode) & 0o777 | 0o700)
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    finally:
        os.close(opened)


def _copy_range(source: int, target: int, start: int, end: int) -> None:
    try:
        while start < end:
            copied = os.copy_file_range(source, target, end - start, start, start)
            if not copied:
                return
            start += copied
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
        while start < end:
            data = os.pread(source, min(end - start, 1 << 20), start)
            if not data:
                return
            start += os.pwrite(target, data, start)
