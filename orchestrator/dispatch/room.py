"""Room: whether this machine has enough free for another job."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from sandbox import headroom

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Room:
    """What has to be free before a job begins, nothing unless given; `load` is the most that may wait for each processor."""

    memory_bytes: int = 0
    disk_bytes: int = 0
    load: float = float("inf")

    def lacks(self, folder: Path) -> str:
        """Return what there is too little of, with `folder`'s disk; nothing where there is enough."""
        free = headroom(folder)
        if free.memory_bytes < self.memory_bytes:
            return f"memory: {free.memory_bytes >> 20} MB of {self.memory_bytes >> 20} that a job wants are free"
        if free.disk_bytes < self.disk_bytes:
            return f"disk: {free.disk_bytes >> 20} MB of {self.disk_bytes >> 20} that a job wants are free"
        if free.load > self.load:
            return f"processors: {free.load:.1f} wait for each, and {self.load:.1f} at most may"
        return ""


class Watched:
    """Says what a machine has too little of, and logs when that begins and when it is over."""

    def __init__(self, room: Room, folder: Path) -> None:
        self._room = room
        self._folder = folder
        self._short = False

    def __call__(self) -> str:
        """Return what there is too little of; nothing where there is enough."""
        lacking = self._room.lacks(self._folder)
        if bool(lacking) != self._short:
            self._short = bool(lacking)
            if lacking:
                _log.info("no job begins here: %s", lacking)
            else:
                _log.info("jobs begin here again")
        return lacking
