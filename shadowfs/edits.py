"""Edits: makes, names, renames and removes nodes, and sets their attributes. It decides what a client may not do."""

from __future__ import annotations

import errno
import os
import stat
import time
from dataclasses import dataclass

from shadowfs.contents import Contents
from shadowfs.errors import RefusedPath
from shadowfs.names import is_git
from shadowfs.nodes import Node
from shadowfs.view import View

RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
_NAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a client sets of a file's attributes; None stays as it is."""

    size: int | None = None
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    atime_ns: int | None = None
    mtime_ns: int | None = None


class Edits:
    """The changes that clients make to a view."""

    def __init__(self, view: View, contents: Contents) -> None:
        self._view = view
        self._contents = contents

    def make(
        self,
        directory: Node,
        name: bytes,
        mode: int,
        owner: tuple[int, int],
        *,
        rdev: int = 0,
        target: bytes | None = None,
    ) -> Node:
        """Make a file, directory, symbolic link (to `target`), fifo or socket; `owner` is user and group."""
        _check_name(name)
        if stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
            raise RefusedPath("a shadow has no device nodes")
        self._check_free(directory, name)
        node = self._view.new(stat.S_IFMT(mode) | (mode & 0o1777), *owner)
        node.rdev = rdev
        if target is not None:
            node.target = target
            node.size = len(target)
        try:
            if node.is_regular:
                self._contents.create(node)
        except OSError:
            self._view.unnamed(node)
            raise
        node.touched = True
        node.attach(directory, name)
        directory.nlink += node.is_directory
        _changed(directory)
        return node

    def link(self, node: Node, directory: Node, name: bytes) -> None:
        """Give a file one more name."""
        _check_name(name)
        self._check_not_gitfile(node)
        if node.is_directory:
            raise OSError(errno.EPERM, "a directory has one name")
        if node.nlink == 0:
            raise OSError(errno.ENOENT, "the file is gone")
        self._check_free(directory, name)
        self._own(node)
        node.attach(directory, name)
        node.nlink += 1
        node.touch()
        _changed_node(node)
        _changed(directory)

    def unlink(self, directory: Node, name: bytes) -> None:
        """Take a name from a file."""
        node = self._existing(directory, name)
        if node.is_directory:
            raise OSError(errno.EISDIR, "it is a directory")
        self._remove(directory, name, node)
        _changed(directory)

    def rmdir(self, directory: Node, name: bytes) -> None:
        """Remove an empty directory."""
        node = self._existing(directory, name)
        self._check_empty(node)
        self._remove(directory, name, node)
        _changed(directory)

    def rename(self, directory: Node, name: bytes, into: Node, new: bytes, flags: int) -> None:
        """Move a name, over another one or in exchange with it as `flags` say. A directory moves with all below it."""
        _check_name(new)
        if flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE):
            raise OSError(errno.EINVAL, "unknown flags")
        node = self._existing(directory, name)
        target, _ = self._view.find(into, new)
        _check_outside(into, node)
        if flags & RENAME_EXCHANGE:
            self._exchange(directory, name, into, new)
            return
        if target is not None:
            self._check_not_gitfile(target)
            if flags & RENAME_NOREPLACE:
                raise OSError(errno.EEXIST, "the new name exists")
            if target is node:
                return
            self._check_replaceable(node, target)
        self._own(node)
        if target is not None:
            self._remove(into, new, target)
        self._take(directory, name, node)
        self._put(into, new, node)

    def set(self, node: Node, wanted: Attributes) -> None:
        """Set attributes; the bits for other users' and groups' rights stay away."""
        self._check_not_gitfile(node)
        if wanted.size is not None:
            if not node.is_regular:
                raise OSError(errno.EINVAL, "only a file has a size to set")
            self._contents.truncate(node, wanted.size)
        if wanted == Attributes(size=wanted.size):
            return
        self._own(node)
        if wanted.mode is not None:
            node.mode = stat.S_IFMT(node.mode) | (wanted.mode & 0o1777)
        node.uid = node.uid if wanted.uid is None else wanted.uid
        node.gid = node.gid if wanted.gid is None else wanted.gid
        node.atime_ns = node.atime_ns if wanted.atime_ns is None else wanted.atime_ns
        node.mtime_ns = node.mtime_ns if wanted.mtime_ns is None else wanted.mtime_ns
        node.touch()
        _changed_node(node)

    def read_link(self, node: Node) -> bytes:
        """Return where a symbolic link points."""
        if node.target is not None:
            return node.target
        if node.row is not None:
            node.target = self._view.lower.read_blob(node.row[1])
            return node.target
        assert node.live is not None
        return self._view.lower.read_link(node.live)

    def _own(self, node: Node) -> None:
        """Make a live node the shadow's before it gets another name or attributes; pinned ones never change by themselves."""
        if node.own:
            return
        if node.is_regular:
            self._contents.copy_up(node)
            return
        if stat.S_ISLNK(node.mode):
            node.target = self.read_link(node)
        node.own = True
        node.touch()

    def _exchange(self, directory: Node, name: bytes, into: Node, new: bytes) -> None:
        node, target = self._existing(directory, name), self._existing(into, new)
        _check_outside(directory, target)
        _check_name(name)
        if node is target:
            return
        self._own(node)
        self._own(target)
        self._take(directory, name, node)
        self._take(into, new, target)
        self._put(into, new, node)
        self._put(directory, name, target)

    def _take(self, directory: Node, name: bytes, node: Node) -> None:
        node.detach(directory, name)
        directory.hide(name)
        directory.nlink -= node.is_directory
        _changed(directory)

    def _put(self, directory: Node, name: bytes, node: Node) -> None:
        node.touched = True
        node.attach(directory, name)
        directory.nlink += node.is_directory
        _changed_node(node)
        _changed(directory)

    def _remove(self, directory: Node, name: bytes, node: Node) -> None:
        node.detach(directory, name)
        directory.hide(name)
        directory.nlink -= node.is_directory
        node.nlink = 0 if node.is_directory else node.nlink - 1
        if node.parent is None and node.live is not None and not node.own:
            # Its other names, if any, are found again below the roots; this one is not the user's file any more.
            node.nlink = 0
        _changed_node(node)
        if node.nlink == 0 or node.parent is None:
            node.own = True
            self._view.unnamed(node)

    def _existing(self, directory: Node, name: bytes) -> Node:
        node, _ = self._view.find(directory, name)
        if node is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._check_not_gitfile(node)
        return node

    def _check_free(self, directory: Node, name: bytes) -> None:
        if directory.nlink == 0:
            raise OSError(errno.ENOENT, "the directory was removed")
        if self._view.find(directory, name)[0] is not None:
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))

    def _check_not_gitfile(self, node: Node) -> None:
        if node is self._view.gitfile:
            raise RefusedPath("the root's .git names the shadow's git directory and stays as it is")

    def _check_replaceable(self, node: Node, target: Node) -> None:
        if target.is_directory and not node.is_directory:
            raise OSError(errno.EISDIR, "a directory is replaced only by a directory")
        if node.is_directory:
            self._check_empty(target)

    def _check_empty(self, node: Node) -> None:
        if not node.is_directory:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if self._view.entries(node):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))


def _check_name(name: bytes) -> None:
    if len(name) > _NAME_BYTES:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    if is_git(name):
        raise RefusedPath("a name that is or passes for .git is not made in a shadow")


def _check_outside(into: Node | None, node: Node) -> None:
    """Refuse to move a directory below itself."""
    while into is not None:
        if into is node:
            raise OSError(errno.EINVAL, "a directory cannot move below itself")
        into = into.parent


def _changed(directory: Node) -> None:
    """Note that names came or went in a directory."""
    now_ns = time.time_ns()
    directory.mtime_ns = directory.ctime_ns = now_ns
    directory.reply = None
    if not directory.touched:
        directory.touch()


def _changed_node(node: Node) -> None:
    node.ctime_ns = time.time_ns()
    node.reply = None
