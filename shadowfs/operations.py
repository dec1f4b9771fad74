"""The kernel's requests, turned into calls on the view. Glue only: whatever a handler raises becomes an errno."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pyfuse3

from shadowfs.contents import Contents
from shadowfs.edits import Attributes, Edits
from shadowfs.errors import NoSpace, RefusedPath
from shadowfs.nodes import Node
from shadowfs.view import View

_BLOCK_BYTES = 4096
_log = logging.getLogger("shadowfs")

Handler = Callable[..., Any]


def errno_of(error: Exception) -> int:
    """Return what a client is told for an exception: the one table. What nobody foresaw is EIO."""
    if isinstance(error, pyfuse3.FUSEError):
        return error.errno
    if isinstance(error, RefusedPath):
        return errno.EPERM
    if isinstance(error, NoSpace):
        return errno.ENOSPC
    if isinstance(error, OSError) and error.errno:
        return error.errno
    return errno.ENOMEM if isinstance(error, MemoryError) else errno.EIO


def _request(handle: Handler) -> Handler:
    async def handler(self: Operations, *arguments: Any) -> Any:
        try:
            return handle(self, *arguments)
        except Exception as error:  # noqa: BLE001 - one that got out would end the mount with all that work in it
            code = errno_of(error)
            if code == errno.EIO:
                _log.exception("%s%r", handle.__name__, arguments)
        raise pyfuse3.FUSEError(code)

    return handler


def _notice(handle: Handler) -> Handler:
    async def handler(self: Operations, *arguments: Any) -> None:
        try:
            handle(self, *arguments)
        except Exception:  # noqa: BLE001 - the kernel expects no answer, so there is none to give
            _log.exception("%s%r", handle.__name__, arguments)

    return handler


class Operations(pyfuse3.Operations):
    """Answers the kernel for one view."""

    supports_dot_lookup = False
    enable_writeback_cache = False
    enable_acl = False

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view
        self.contents = Contents(view)
        self.edits = Edits(view, self.contents)
        self._nodes = view.nodes.by_ino
        self._listings: dict[int, list[tuple[bytes, Node, float]]] = {}
        self._directories: dict[int, Node] = {}
        self._handles = 0

    def fork(self) -> None:
        """Go on as another shadow: what the kernel held open before is the other one's."""
        self._listings.clear()
        self._directories.clear()

    @_request
    def lookup(self, parent: int, name: bytes, _context: Any) -> pyfuse3.EntryAttributes:
        node, lasting_s = self.view.find(self._nodes[parent], name)
        if node is None:
            return _absent(lasting_s)
        self.view.nodes.looked_up(node)
        return _reply(node, lasting_s)

    @_notice
    def forget(self, counts: Sequence[tuple[int, int]]) -> None:
        self.view.forget(counts)

    @_request
    def getattr(self, ino: int, _context: Any) -> pyfuse3.EntryAttributes:
        node = self._nodes[ino]
        return _reply(node, self.view.refresh(node))

    @_request
    def setattr(
        self, ino: int, values: Any, fields: Any, _handle: int | None, _context: Any
    ) -> pyfuse3.EntryAttributes:
        node = self._nodes[ino]
        wanted = Attributes(
            size=values.st_size if fields.update_size else None,
            mode=values.st_mode if fields.update_mode else None,
            uid=values.st_uid if fields.update_uid else None,
            gid=values.st_gid if fields.update_gid else None,
            atime_ns=values.st_atime_ns if fields.update_atime else None,
            mtime_ns=values.st_mtime_ns if fields.update_mtime else None,
        )
        self.edits.set(node, wanted)
        return _reply(node, self.view.refresh(node))

    @_request
    def readlink(self, ino: int, _context: Any) -> bytes:
        return self.edits.read_link(self._nodes[ino])

    @_request
    def mknod(self, parent: int, name: bytes, mode: int, rdev: int, context: Any) -> pyfuse3.EntryAttributes:
        return self._make(parent, name, mode, context, rdev=rdev)

    @_request
    def mkdir(self, parent: int, name: bytes, mode: int, context: Any) -> pyfuse3.EntryAttributes:
        return self._make(parent, name, 0o040000 | (mode & 0o7777), context)

    @_request
    def symlink(self, parent: int, name: bytes, target: bytes, context: Any) -> pyfuse3.EntryAttributes:
        return self._make(parent, name, 0o120777, context, target=target)

    @_request
    def unlink(self, parent: int, name: bytes, _context: Any) -> None:
        self.edits.unlink(self._nodes[parent], name)

    @_request
    def rmdir(self, parent: int, name: bytes, _context: Any) -> None:
        self.edits.rmdir(self._nodes[parent], name)

    @_request
    def rename(self, parent: int, name: bytes, into: int, new: bytes, flags: int, _context: Any) -> None:
        self.edits.rename(self._nodes[parent], name, self._nodes[into], new, flags)

    @_request
    def link(self, ino: int, parent: int, name: bytes, _context: Any) -> pyfuse3.EntryAttributes:
        node = self._nodes[ino]
        self.edits.link(node, self._nodes[parent], name)
        self.view.nodes.looked_up(node)
        return _reply(node, self.view.refresh(node))

    @_request
    def create(self, parent: int, name: bytes, mode: int, flags: int, context: Any) -> tuple[Any, Any]:
        entry = self._make(parent, name, 0o100000 | (mode & 0o7777), context)
        node = self._nodes[entry.st_ino]
        try:
            self.contents.open(node, flags)
        except OSError:
            self.view.nodes.forget(node, 1)
            raise
        return pyfuse3.FileInfo(fh=node.ino), entry

    @_request
    def open(self, ino: int, flags: int, _context: Any) -> pyfuse3.FileInfo:
        # The handle is the node: all that is open of it shares one descriptor, which a copy-up replaces.
        return pyfuse3.FileInfo(fh=ino, keep_cache=self.contents.open(self._nodes[ino], flags))

    @_request
    def read(self, handle: int, offset: int, size: int) -> bytes:
        return self.contents.read(self._nodes[handle], offset, size)

    @_request
    def write(self, handle: int, offset: int, data: bytes) -> int:
        return self.contents.write(self._nodes[handle], offset, data)

    @_request
    def release(self, handle: int) -> None:
        self.contents.release(self._nodes[handle])

    @_request
    def opendir(self, ino: int, _context: Any) -> int:
        self._handles += 1
        self._directories[self._handles] = self._nodes[ino]
        return self._handles

    @_request
    def readdir(self, handle: int, start: int, token: Any) -> None:
        if start == 0:
            # As at a rewind: what came meanwhile shows. In between the listing stands still, so that none is told twice.
            self._listings[handle] = self.view.entries(self._directories[handle])
        listing = self._listings.get(handle, [])
        directory = self._directories[handle]
        kids = directory.kids or {}
        for at in range(start, len(listing)):
            name, node, lasting_s = listing[at]
            if kids.get(name) is not node:
                # It lost this name meanwhile: to tell the kernel would give the name back.
                continue
            lasting_s = min(lasting_s, self.view.lasting_s(directory))
            if not pyfuse3.readdir_reply(token, name, _reply(node, lasting_s), at + 1):
                break
            self.view.nodes.looked_up(node)

    @_request
    def releasedir(self, handle: int) -> None:
        self._listings.pop(handle, None)
        del self._directories[handle]

    @_request
    def statfs(self, _context: Any) -> pyfuse3.StatvfsData:
        uppers = self.view.uppers
        data = pyfuse3.StatvfsData()
        data.f_bsize = data.f_frsize = _BLOCK_BYTES
        data.f_blocks = uppers.quota.size_bytes // _BLOCK_BYTES
        data.f_bfree = data.f_bavail = (uppers.quota.size_bytes - uppers.used_bytes) // _BLOCK_BYTES
        data.f_files = uppers.quota.nodes
        data.f_ffree = data.f_favail = uppers.quota.nodes - uppers.used_nodes
        data.f_namemax = 255
        return data

    @_request
    def unsupported(self, *_arguments: Any) -> None:
        # The kernel remembers this answer and asks no more: a close costs no flush, a write no query for capabilities.
        raise OSError(errno.ENOSYS, "not supported")

    flush = fsync = fsyncdir = access = poll = unsupported
    getxattr = setxattr = listxattr = removexattr = unsupported

    def _make(self, parent: int, name: bytes, mode: int, context: Any, **more: Any) -> pyfuse3.EntryAttributes:
        node = self.edits.make(self._nodes[parent], name, mode, self.view.owner(context.uid, context.gid), **more)
        self.view.nodes.looked_up(node)
        return _reply(node, self.view.refresh(node))


def _reply(node: Node, lasting_s: float) -> pyfuse3.EntryAttributes:
    """Return a node's attributes as the kernel wants them, made anew only when one has changed, or nothing of them lasts."""
    if lasting_s and isinstance(node.reply, pyfuse3.EntryAttributes):
        return node.reply
    entry = pyfuse3.EntryAttributes()
    entry.st_ino = node.ino
    entry.st_mode = node.mode
    entry.st_nlink = node.nlink
    entry.st_uid = node.uid
    entry.st_gid = node.gid
    entry.st_rdev = node.rdev
    entry.st_size = node.size
    entry.st_blocks = (node.size + 511) // 512
    entry.st_atime_ns = node.atime_ns
    entry.st_mtime_ns = node.mtime_ns
    entry.st_ctime_ns = node.ctime_ns
    entry.entry_timeout = entry.attr_timeout = lasting_s
    if lasting_s:
        node.reply = entry
    return entry


def _absent(lasting_s: float) -> pyfuse3.EntryAttributes:
    entry = pyfuse3.EntryAttributes()
    entry.st_ino = 0
    entry.entry_timeout = lasting_s
    return entry
