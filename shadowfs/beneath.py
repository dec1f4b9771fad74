"""Read and write files of a shadow from the host, never outside its tree: every step is one name, relative to an open directory.

Links are followed by hand, so a directory swapped for a link between two steps leads nowhere else.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from shadowfs.change import Change, RepoPath
from shadowfs.errors import RefusedPath
from shadowfs.names import is_git

_LINKS = 40
_LINK = 0o120000
_GITLINK = 0o160000
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_beneath(root: int, path: RepoPath, flags: int, mode: int = 0o666) -> int:
    """Open a regular file below the open directory `root` and return its descriptor.

    Raises `RefusedPath` for a path that leaves the tree or enters `.git`, itself or through a link, and for what is no
    regular file.
    """
    with _located(root, path) as (directory, name):
        # A pipe put there must not hold us up, nor a terminal become ours.
        guarded = flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            descriptor = os.open(name, guarded, mode, dir_fd=directory)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENODEV):
                raise RefusedPath(f"{path!r} is no regular file (or changed while it was opened)") from None
            raise
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise RefusedPath(f"{path!r} is no regular file")


def read_beneath(root: int, path: RepoPath) -> bytes:
    """Return the content of a file below `root`; raises as `open_beneath`."""
    with open(open_beneath(root, path, os.O_RDONLY), "rb") as file:
        return file.read()


def write_beneath(root: int, path: RepoPath, data: bytes, *, executable: bool | None = None) -> None:
    """Replace or create a file below `root`, making its directories; raises as `open_beneath`."""
    _make_parents(root, path)
    # Cut only once it is known to be a file of the tree.
    with open(open_beneath(root, path, os.O_WRONLY | os.O_CREAT), "wb") as file:
        _give(root, file.fileno())
        file.truncate(0)
        file.write(data)
        if executable is not None:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            os.fchmod(file.fileno(), mode | 0o111 if executable else mode & ~0o111)


def delete_beneath(root: int, path: RepoPath) -> None:
    """Remove a file or link (not what it points to) below `root`; raises as `open_beneath`."""
    with _located(root, path, follow=False) as (directory, name):
        os.unlink(name, dir_fd=directory)


def replace_beneath(root: int, path: RepoPath, data: bytes, mode: int) -> bool:
    """Put a file, or a link to `data`, with a git mode at a path in one step; say whether it is there.

    Who has the old one open keeps that. It is not put where a link, or what is no directory, stands on the way, or a directory
    in its place.
    """
    partial = f".nightcrew-{secrets.token_hex(6)}"
    with _straight(root, path, making=True) as place:
        if place is None:
            return False
        directory, name = place
        try:
            if mode == _LINK:
                os.symlink(data, os.fsencode(partial), dir_fd=directory)
            else:
                made = os.open(partial, _NEW, mode & 0o777, dir_fd=directory)
                with os.fdopen(made, "wb") as file:
                    _give(root, file.fileno())
                    os.fchmod(file.fileno(), mode & 0o777)
                    file.write(data)
            os.rename(partial, name, src_dir_fd=directory, dst_dir_fd=directory)
        except IsADirectoryError:
            os.unlink(partial, dir_fd=directory)
            return False
        except OSError:
            with suppress(FileNotFoundError):
                os.unlink(partial, dir_fd=directory)
            raise
        return True


def remove_beneath(root: int, path: RepoPath) -> None:
    """Remove a file, and the directories that are empty without it, unless a link stands on the way."""
    with _straight(root, path) as place, suppress(FileNotFoundError, IsADirectoryError):
        if place is not None:
            os.unlink(place[1], dir_fd=place[0])
    parent = path.rpartition("/")[0]
    while parent:
        with _straight(root, parent) as place:
            try:
                if place is not None:
                    os.rmdir(place[1], dir_fd=place[0])
            except OSError:
                return
        parent = parent.rpartition("/")[0]


def restore_beneath(root: int, change: Change) -> None:
    """Make the files below `root` what they are after a change, no link followed; what goes makes room for what comes."""
    for file in change.files:
        if file.after is None:
            remove_beneath(root, file.path)
    for file in change.files:
        # What a submodule holds is not in the depot.
        if file.after is not None and file.after.mode != _GITLINK:
            _make_way(root, file.path)
            if not replace_beneath(root, file.path, change.blobs.read(file.after.blob), file.after.mode):
                raise RefusedPath(f"{file.path!r} changed while it was restored")


def target_beneath(root: int, path: RepoPath) -> str:
    """Return what a symbolic link below `root` says; raises as `open_beneath`, and `RefusedPath` for what is no link."""
    with _located(root, path, follow=False) as (directory, name):
        target = _link_target(name, directory)
    if target is None:
        raise RefusedPath(f"{path!r} is no link (or changed while it was read)")
    return target


@contextmanager
def _straight(root: int, path: RepoPath, *, making: bool = False) -> Iterator[tuple[int, str] | None]:
    """Walk to a file below `root` through no link, making directories where told to; yield its open directory and its name, None where that cannot be."""
    *parents, name = path.split("/")
    opened = [os.dup(root)]
    try:
        if any(is_git(os.fsencode(part)) for part in (*parents, name)):
            raise RefusedPath(f"{path!r} leads into a git directory")
        for parent in parents:
            if making:
                with suppress(FileExistsError):
                    _make_directory(root, opened[-1], parent)
            opened.append(os.open(parent, _DIRECTORY, dir_fd=opened[-1]))
    except (FileNotFoundError, NotADirectoryError):
        place = None
    else:
        place = opened[-1], name
    try:
        yield place
    finally:
        for descriptor in opened:
            os.close(descriptor)


@contextmanager
def _located(root: int, path: RepoPath, *, follow: bool = True) -> Iterator[tuple[int, str]]:
    """Walk to a file below `root`; yield its open directory and its name there."""
    if not path or path.startswith("/") or "\0" in path or path.endswith("/"):
        raise RefusedPath(f"{path!r} names no file: give a path relative to the repository")
    if ".." in path.split("/"):
        raise RefusedPath(f"{path!r} leaves the tree: give a path without ..")
    opened = [os.dup(root)]
    try:
        yield _walk(opened, path, follow)
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _walk(opened: list[int], path: RepoPath, follow: bool) -> tuple[int, str]:
    """Open directory after directory onto the stack `opened`; return the last one and the final name."""
    names = _names(path)
    links = 0
    while names:
        name = names.pop()
        if name == "..":
            if len(opened) == 1:
                raise RefusedPath(f"{path!r} leads out of the tree through a link")
            os.close(opened.pop())
            continue
        if is_git(os.fsencode(name)):
            raise RefusedPath(f"{path!r} leads into a git directory")
        target = _link_target(name, opened[-1]) if names or follow else None
        if target is not None:
            links += 1
            if target.startswith("/"):
                raise RefusedPath(f"{path!r} leads out of the tree through a link")
            if links > _LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            names += _names(target)
        elif names:
            opened.append(os.open(name, _DIRECTORY, dir_fd=opened[-1]))
        else:
            return opened[-1], name
    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)


def _names(path: str) -> list[str]:
    """Return the names on a path, the last one first."""
    return [name for name in reversed(path.split("/")) if name not in ("", ".")]


def _link_target(name: str, directory: int) -> str | None:
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return None
        raise


def _make_way(root: int, path: RepoPath) -> None:
    """Remove what is no directory on the way to a path, and a directory in its place."""
    *parents, _ = path.split("/")
    for depth in range(len(parents)):
        with _straight(root, "/".join(parents[: depth + 1])) as place:
            if place is None:
                return
            with suppress(FileNotFoundError, IsADirectoryError):
                os.unlink(place[1], dir_fd=place[0])
    with _straight(root, path) as place:
        if place is None:
            return
        directory, name = place
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
                shutil.rmtree(name, dir_fd=directory)


def _make_parents(root: int, path: RepoPath) -> None:
    """Make the directories that a new file needs, one at a time, each where the walk to it leads."""
    parents = [name for name in path.split("/")[:-1] if name not in ("", ".")]
    for depth in range(len(parents)):
        # A directory that is there, itself or through a link, needs nothing.
        with suppress(FileExistsError, IsADirectoryError), _located(root, "/".join(parents[: depth + 1])) as place:
            _make_directory(root, *place)


def _make_directory(root: int, directory: int, name: str) -> None:
    os.mkdir(name, dir_fd=directory)
    made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        _give(root, made)
    finally:
        os.close(made)


def _give(root: int, file: int) -> None:
    """Give what root makes in a tree that was given to another user to that user."""
    if os.geteuid() == 0 and os.fstat(file).st_uid == 0:
        owner = os.fstat(root)
        if owner.st_uid != 0:
            os.fchown(file, owner.st_uid, owner.st_gid)
