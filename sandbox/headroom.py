"""Headroom: what a machine, or the container that this process is in, has free."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_GROUP = Path("/sys/fs/cgroup")
_LIMITS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
"""Of both versions of control groups."""


@dataclass(frozen=True, slots=True)
class Headroom:
    """What is free. `load` is how many processes waited for each processor in the last minute."""

    memory_bytes: int
    disk_bytes: int
    load: float


def headroom(folder: Path) -> Headroom:
    """Return what is free, of the disk where `folder` lies, or will."""
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    memory = min(psutil.virtual_memory().available, _left_of_group())
    load = psutil.getloadavg()[0] / (psutil.cpu_count() or 1)
    return Headroom(memory, psutil.disk_usage(str(there)).free, load)


def _left_of_group() -> int:
    """Return how much memory the control group seen from here may still take."""
    for limit, used in _LIMITS:
        # There is no such file in the other version, and "max" in it where there is no limit.
        with suppress(OSError, ValueError):
            return int((_GROUP / limit).read_text()) - int((_GROUP / used).read_text())
    return 1 << 62
