"""Who owns what is left: a process, told from every other by its id, when it started, and the machine or container it is in."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from pathlib import Path

_MACHINE = re.compile("m[0-9a-f]{8}")


def owner() -> str:
    """Return what tells this process from all others."""
    return f"{os.getpid()}-{_started(os.getpid())}-{_machine()}"


def lives(owner: str) -> bool:
    """Say whether a process that `owner` returned this in still runs, or may: of another machine nothing is known."""
    match owner.split("-"):
        case [pid, started, *rest] if pid.isdecimal() and started.isdecimal():
            elsewhere = bool(rest) and _MACHINE.fullmatch(rest[0]) is not None and rest[0] != _machine()
            return elsewhere or _started(int(pid)) == int(started)
        case _:
            return False


def _machine() -> str:
    return f"m{hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]}"


def _started(pid: int) -> int | None:
    """Return when a process started (ticks since boot), None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[19])
