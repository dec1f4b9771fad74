"""The upper layer: files that the shadow wrote, named by number in one directory, within a quota."""

from __future__ import annotations

import errno
import os

from shadowfs.nodes import Upper
from shadowfs.order import Quota


class Uppers:
    """The files that one shadow wrote. A fork makes all of them shared: read by both sides, written by neither."""

    def __init__(self, directory: bytes, quota: Quota) -> None:
        self.epoch = 0
        self.used_bytes = 0
        self.used_nodes = 0
        self.quota = quota
        self._directory = directory
        self._next = 0
        self._lent: list[Upper] = []

    def new(self) -> tuple[Upper, int]:
        """Make an empty file; return it with a descriptor to read and write."""
        self._next += 1
        path = b"%s/%d" % (self._directory, self._next)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        return Upper(path, self.epoch), fd

    def writable(self, upper: Upper | None) -> bool:
        """Say whether a file may be written: not one that another shadow or the owner is reading."""
        return upper is not None and upper.epoch == self.epoch and not upper.lent

    def remove(self, upper: Upper) -> None:
        """Remove a file that no node has any more, unless another shadow may read it."""
        if upper.epoch != self.epoch:
            return
        if upper.lent:
            upper.dropped = True
        else:
            os.unlink(upper.path)  # noqa: PTH108 - bytes

    def lend(self, upper: Upper) -> None:
        """Let the owner read a file: until `take_back`, who writes it gets a copy."""
        if upper.epoch == self.epoch and not upper.lent:
            upper.lent = True
            self._lent.append(upper)

    def take_back(self) -> None:
        """Note that the owner has read what was lent."""
        for upper in self._lent:
            upper.lent = False
            if upper.dropped:
                self.remove(upper)
        self._lent.clear()

    def share(self) -> None:
        """Let another shadow read all files there are: from now on they are written by nobody."""
        self.epoch += 1

    def move(self, directory: bytes) -> None:
        """Go on as that other shadow: new files go to a directory of its own."""
        self._directory = directory
        self._next = 0

    def charge(self, size_bytes: int) -> None:
        """Count bytes, fewer where negative; raise ENOSPC beyond the quota."""
        if size_bytes > 0 and self.used_bytes + size_bytes > self.quota.size_bytes:
            raise OSError(errno.ENOSPC, f"the shadow's quota of {self.quota.size_bytes} bytes is used up")
        self.used_bytes += size_bytes

    def charge_node(self) -> None:
        """Count one more file or directory; raise ENOSPC beyond the quota."""
        if self.used_nodes >= self.quota.nodes:
            raise OSError(errno.ENOSPC, f"the shadow's quota of {self.quota.nodes} files is used up")
        self.used_nodes += 1


def write_all(fd: int, data: bytes, offset: int) -> int:
    """Write all of `data` at `offset`."""
    done = os.pwrite(fd, data, offset)
    while done < len(data):
        done += os.pwrite(fd, memoryview(data)[done:], offset + done)
    return done
