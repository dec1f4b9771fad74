"""Locks between processes on files, which end with their process; whoever waits for one can be told to stop."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_S = 0.2


@contextmanager
def locked(
    file: Path, stopping: Callable[[], None] = lambda: None, *, shared: bool = False, wait: bool = True
) -> Iterator[bool]:
    """Hold a lock for as long as the `with` block lasts, and say whether it is held: without `wait` it may not be."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with file.open("a") as held:
        while not (got := _tried(held.fileno(), kind)) and wait:
            stopping()
            time.sleep(POLL_S)
        yield got


def _tried(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
