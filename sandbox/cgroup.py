"""The kernel's own limit on the number of processes, for root, whom `RLIMIT_NPROC` does not bind: a control group of pids.

Only where the first version of control groups is mounted and writable; elsewhere the meter is alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PIDS = Path("/sys/fs/cgroup/pids")


def make(name: str, most: int) -> Path | None:
    """Return a new group of at most `most` processes and threads; None where there can be none or it is not needed."""
    if os.getuid() != 0 or not (_own() / "tasks").exists():
        return None
    group = _PIDS / name
    try:
        group.mkdir()
        (group / "pids.max").write_text(str(most))
    except OSError:
        remove(group)
        return None
    return group


@contextmanager
def inside(group: Path | None) -> Iterator[None]:
    """Be in a group with this thread alone, and so start processes in it: to move one later waits for every processor."""
    if group is None:
        yield
        return
    before = _own()
    _enter(group)
    try:
        yield
    finally:
        _enter(before)


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


def _own() -> Path:
    """Return the group that this thread is in."""
    for line in Path("/proc/thread-self/cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "pids":
            return _PIDS / path.lstrip("/")
    return _PIDS


def _enter(group: Path) -> None:
    (group / "tasks").write_text("0")
