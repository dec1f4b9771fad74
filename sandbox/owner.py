"""Who owns what is left on the machine: a process, told from every other by its id and when it started."""

from __future__ import annotations

import os
from pathlib import Path


def owner() -> str:
    """Return what tells this process from all others: its id and when it started."""
    return f"{os.getpid()}-{_started(os.getpid())}"


def lives(owner: str) -> bool:
    """Say whether a process that `owner` returned this in still runs."""
    match owner.split("-"):
        case [pid, started] if pid.isdecimal() and started.isdecimal():
            return _started(int(pid)) == int(started)
        case _:
            return False


def _started(pid: int) -> int | None:
    """Return when a process started (ticks since boot), None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[19])
