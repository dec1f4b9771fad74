"""Room: whether this machine has enough free for another job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox import headroom


@dataclass(frozen=True, slots=True)
class Room:
    """What has to be free before a job begins; `load` is the most that may wait for each processor."""

    memory_bytes: int
    disk_bytes: int
    load: float

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
