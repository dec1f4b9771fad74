"""What of this machine no command may see: homes, sockets, secrets, and what only the machine's owner may read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

GONE = frozenset(
    (
        "afs",
        "boot",
        "dev",
        "home",
        "lost+found",
        "media",
        "mnt",
        "net",
        "proc",
        "root",
        "run",
        "srv",
        "sys",
        "tmp",
        "var",
    )
)
"""Top-level directories that are left out, or made anew (`dev`, `proc`, `run`, `tmp`, `var`)."""

_SYSTEM = frozenset(("bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr", "nix", "gnu"))
"""Installed by the system: what lies in them is meant to be read."""

_PROC_READ_ONLY = ("acpi", "fs", "scsi", "sys")
"""bubblewrap itself sees to `bus` and `irq`."""
_PROC_EMPTY = ("kcore", "keys", "latency_stats", "sched_debug", "sysrq-trigger", "timer_list", "timer_stats")


def top_level() -> tuple[Path, ...]:
    """Return the directories of `/`, and links to some, that commands see."""
    return tuple(sorted(path for path in Path("/").iterdir() if path.name not in GONE and path.is_dir()))


def private(top: tuple[Path, ...]) -> Iterator[Path]:
    """Yield what lies below the `top` entries and this process may read though not everybody may.

    Root may read all of the machine, and user namespaces do not take that away: what is not for everybody has to be
    hidden by name. All of /etc is looked at, elsewhere the first two levels.
    """
    for path in top:
        if path.name not in _SYSTEM and not path.is_symlink():
            if path.stat().st_mode & 0o005 != 0o005:
                yield path
            else:
                yield from _private(path, depth=8 if path.name == "etc" else 1)


def _private(directory: Path, depth: int) -> Iterator[Path]:
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                if status.st_mode & 0o005 != 0o005:
                    yield from _readable(Path(entry.path))
                elif depth > 1:
                    yield from _private(Path(entry.path), depth - 1)
            elif stat.S_ISREG(status.st_mode) and status.st_size and not status.st_mode & 0o004:
                yield from _readable(Path(entry.path))


def _readable(path: Path) -> Iterator[Path]:
    if os.access(path, os.R_OK):
        yield path


def sockets(top: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the listening Unix sockets below the `top` entries: a read-only mount does not stop connecting to them."""
    with suppress(OSError):
        table = Path("/proc/net/unix").read_bytes()
        for line in table.splitlines()[1:]:
            fields = line.split(None, 7)
            if len(fields) == 8 and fields[7].startswith(b"/"):
                path = Path(os.fsdecode(fields[7]))
                if any(path.is_relative_to(entry) for entry in top) and path.is_socket():
                    yield path


def proc_read_only() -> Iterator[Path]:
    """Yield the directories of /proc that have settings of the kernel in them.

    Root can write to those in /proc/sys even without capabilities, others to those of a namespace of their own.
    """
    return (path for name in _PROC_READ_ONLY if (path := Path("/proc") / name).is_dir())


def proc_empty() -> Iterator[Path]:
    """Yield the files of /proc that root can read or write even without capabilities and that are not for a sandbox."""
    if os.getuid() == 0:
        yield from (path for name in _PROC_EMPTY if (path := Path("/proc") / name).exists())
