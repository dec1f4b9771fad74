"""The kernel's own limit on the number of processes, for root, whom `RLIMIT_NPROC` does not bind: a control group of pids.

Only where the first version of control groups is mounted and writable; elsewhere the meter is alone.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_PIDS = Path("/sys/fs/cgroup/pids")


def make(name: str, most: int) -> Path | None:
    """Return a new group of at most `most` processes and threads; None where there can be none or it is not needed."""
    if os.getuid() != 0:
        return None
    group = _PIDS / name
    try:
        group.mkdir()
        (group / "pids.max").write_text(str(most))
    except OSError:
        remove(group)
        return None
    return group


def put(group: Path, pid: int) -> None:
    """Hold process `pid` and all that it starts from now on to the group's limit, unless it has ended."""
    with suppress(ProcessLookupError):
        (group / "cgroup.procs").write_text(str(pid))


def refused(group: Path) -> bool:
    """Say whether the kernel refused a process of the group one more process or thread."""
    return (group / "pids.events").read_text().split() != ["max", "0"]


def remove(group: Path) -> None:
    """Remove a group whose processes have ended; one that has some, or is gone, is left alone."""
    with suppress(OSError):
        group.rmdir()


def sweep(prefix: str) -> None:
    """Remove the empty groups whose names begin with `prefix`."""
    for group in _PIDS.glob(f"{prefix}*"):
        remove(group)
