"""Keep a command from filling the disk: the size of its private /tmp, and what is left on the disk that holds it."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Protocol

_ENTRY_BYTES = 4096
_PAUSE_S = 0.5
_SHARE = 20
"""A look may take one part in so many of the time between looks."""
FLOOR_BYTES = 256 << 20


class Room(Protocol):
    """The room that a command has on a disk."""

    def passed(self) -> str | None:
        """Say what is over, None while all is well."""
        ...


class Quota:
    """The room of one sandbox below `directory`; every entry counts for at least a block, so a million empty files do too."""

    def __init__(self, directory: Path, limit_bytes: int | None) -> None:
        self._directory = directory
        self._limit_bytes = limit_bytes
        self._due = 0.0
        # Where there was less from the start, the command is not to blame.
        self._floor_bytes = min(FLOOR_BYTES, _free(directory) // 2)

    def passed(self) -> str | None:
        """Say what is over, None while all is well. Looks at most every half second."""
        began = time.monotonic()
        if began < self._due:
            return None
        why = None
        if (free := _free(self._directory)) < self._floor_bytes:
            why = f"only {free} bytes are left on the disk of {self._directory}"
        elif self._limit_bytes is not None and _size(self._directory, self._limit_bytes) > self._limit_bytes:
            why = f"its /tmp grew over {self._limit_bytes} bytes"
        took = time.monotonic() - began
        self._due = began + max(_PAUSE_S, _SHARE * took)
        return why


def _free(directory: Path) -> int:
    status = os.statvfs(directory)
    return status.f_bavail * status.f_frsize


def _size(directory: Path, enough_bytes: int) -> int:
    """Add up what lies below `directory`, until it is more than `enough_bytes`."""
    total = 0
    waiting = [os.fspath(directory)]
    while waiting and total <= enough_bytes:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    total += max(status.st_blocks * 512, _ENTRY_BYTES)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError as error:
            # Too deep to be looked into: nothing honest nests so, and it is a way to hide from the count.
            if error.errno == errno.ENAMETOOLONG:
                return enough_bytes + 1
    return total
