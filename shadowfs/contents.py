"""Contents: opens, reads and writes the nodes' files, and copies a lower file up before its first change."""

from __future__ import annotations

import os
import time

from shadowfs.copying import copy_data
from shadowfs.errors import RefusedPath
from shadowfs.lower import unchanged
from shadowfs.nodes import Node
from shadowfs.upper import write_all
from shadowfs.view import View

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_TRUNC


class Contents:
    """The content of a view's files. One descriptor serves all open handles of a node, so that a copy-up reaches each."""

    def __init__(self, view: View) -> None:
        self._view = view

    def open(self, node: Node, flags: int) -> bool:
        """Open a file once more; return whether what the kernel has cached of it still holds."""
        if node is self._view.gitfile:
            if flags & _WRITING:
                raise RefusedPath("the root's .git names the shadow's git directory and cannot be written")
        elif flags & os.O_TRUNC:
            self.truncate(node, 0)
        elif flags & _WRITING:
            self.own(node)
        if node.opens == 0:
            node.fd, node.guarded = self._descriptor(node)
            self._view.nodes.open.add(node)
        node.opens += 1
        keep = node.own or node.opened == node.seen
        node.opened = node.seen
        return keep

    def release(self, node: Node) -> None:
        """Close a file once; drop it when that was the last hold on a file without a name."""
        node.opens -= 1
        if node.opens > 0:
            return
        self._view.nodes.open.discard(node)
        if node.fd >= 0:
            os.close(node.fd)
            node.fd = -1
        if not self._view.nodes.held(node):
            self._view.reclaim(node)

    def read(self, node: Node, offset: int, size_bytes: int) -> bytes:
        """Return bytes of an open file, fewer only at its end."""
        if node.text is not None:
            return node.text[offset : offset + size_bytes]
        data = os.pread(node.fd, size_bytes, offset)
        if node.guarded:
            assert node.row is not None
            if not unchanged(node.fd, node.row):
                # The user's file moved while it was read: what was pinned is in the depot.
                os.close(node.fd)
                node.fd, node.guarded = self._view.lower.open_blob(node.row[1]), False
                data = os.pread(node.fd, size_bytes, offset)
        return data

    def write(self, node: Node, offset: int, data: bytes) -> int:
        """Write to an open file; raise ENOSPC beyond the quota."""
        if not self._view.uppers.writable(node.upper):
            self.copy_up(node)
        grown = offset + len(data) - node.size
        if grown > 0:
            self._view.uppers.charge(grown)
        try:
            written = write_all(node.fd, data, offset)
        except OSError:
            if grown > 0:
                self._view.uppers.charge(-grown)
            raise
        if grown > 0:
            node.size += grown
        _modified(node)
        return written

    def truncate(self, node: Node, size_bytes: int) -> None:
        """Cut or extend a file to a size; raise ENOSPC beyond the quota."""
        if not self._view.uppers.writable(node.upper):
            self.copy_up(node, size_bytes)
        grown = size_bytes - node.size
        self._view.uppers.charge(grown)
        try:
            assert node.upper is not None
            os.truncate(node.fd if node.opens else node.upper.path, size_bytes)
        except OSError:
            self._view.uppers.charge(-grown)
            raise
        node.size = size_bytes
        _modified(node)

    def create(self, node: Node) -> None:
        """Give a new node its empty file."""
        node.upper, fd = self._view.uppers.new()
        os.close(fd)

    def own(self, node: Node) -> None:
        """Copy a file up unless the shadow has one of its own that it may write."""
        if not self._view.uppers.writable(node.upper):
            self.copy_up(node)

    def copy_up(self, node: Node, limit_bytes: int | None = None) -> None:
        """Give a node a file of its own with (the first bytes of) its present content, for every open handle too."""
        uppers = self._view.uppers
        limit_bytes = node.size if limit_bytes is None else min(node.size, limit_bytes)
        uppers.charge(limit_bytes)
        upper, fd = uppers.new()
        try:
            size = self._copy(node, fd, limit_bytes) if limit_bytes else 0
        except OSError:
            os.close(fd)
            uppers.remove(upper)
            uppers.charge(-limit_bytes)
            raise
        uppers.charge(size - limit_bytes)
        if node.upper is not None:
            # It was shared by a fork or lent: what was counted for it is this one's now.
            uppers.charge(-node.size)
            uppers.remove(node.upper)
        if node.opens:
            os.close(node.fd)
            node.fd = fd
        else:
            os.close(fd)
        node.guarded = False
        node.upper = upper
        node.size = size
        node.own = True
        node.reply = None
        node.touch()

    def _copy(self, node: Node, target: int, limit_bytes: int) -> int:
        source, guarded = self._descriptor(node)
        try:
            copy_data(source, target)
            if guarded and node.row is not None and not unchanged(source, node.row):
                os.close(source)
                source = self._view.lower.open_blob(node.row[1])
                os.ftruncate(target, 0)
                copy_data(source, target)
        finally:
            os.close(source)
        size = min(limit_bytes, os.fstat(target).st_size)
        os.ftruncate(target, size)
        return size

    def _descriptor(self, node: Node) -> tuple[int, bool]:
        """Return a descriptor of the content, and whether it is a user's file that must not have moved."""
        if node.text is not None:
            return -1, False
        if node.upper is not None:
            return os.open(node.upper.path, os.O_RDWR | os.O_CLOEXEC), False
        if node.row is not None:
            assert node.pin is not None
            return self._view.lower.open_pinned(node.pin, node.row)
        assert node.live is not None
        return self._view.lower.open(node.live, node.seen), False


def _modified(node: Node) -> None:
    node.mtime_ns = node.ctime_ns = time.time_ns()
    node.reply = None
