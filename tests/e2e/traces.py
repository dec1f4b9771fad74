"""What a command leaves behind: in the user's repository (a digest), on the machine (mounts, processes)."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

DELIVERED = (".git/objects/", ".git/refs/heads/nightcrew", ".git/logs/refs/heads/nightcrew")
"""Where delivery may add: objects, its one ref, and that ref's log."""


def digest(repository: Path) -> dict[str, str]:
    """Return every file and directory of a repository, `.git` included, with its mode, time and content."""
    found = {}
    for folder, folders, files in os.walk(os.fsencode(repository)):
        for name in (*folders, *files):
            path = os.path.join(folder, name)  # noqa: PTH118 - names that are no UTF-8
            status = os.lstat(path)
            place = os.fsdecode(os.path.relpath(path, os.fsencode(repository)))
            if os.path.islink(path):  # noqa: PTH114
                found[place] = f"link {os.fsdecode(os.readlink(path))}"  # noqa: PTH115
            elif name in folders:
                found[place] = f"directory {status.st_mode:o}"
            else:
                found[place] = (
                    f"{status.st_mode:o} {status.st_mtime_ns} {status.st_size} {_content(path, status.st_size)}"
                )
    return found


def _content(path: bytes, size: int) -> str:
    # A file of gigabytes is sparse in these tests: its size, time and mode say enough.
    if size > 1 << 28:
        return "large"
    with open(path, "rb") as file:  # noqa: PTH123
        return hashlib.file_digest(file, "sha256").hexdigest()


def added_by_delivery_only(before: dict[str, str], after: dict[str, str]) -> bool:
    """Say whether nothing differs but what delivery may add."""
    kept = {place: what for place, what in after.items() if not (place + "/").startswith(DELIVERED) or place in before}
    return kept == before


def left_behind(state: Path) -> list[str]:
    """Return the mounts below `state`, and the processes that were started for it."""
    needle = os.fsencode(state)
    found = [line.decode() for line in Path("/proc/self/mountinfo").read_bytes().splitlines() if needle in line]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = process.joinpath("cmdline").read_bytes() + process.joinpath("environ").read_bytes()
        except OSError:
            continue
        if needle in told and int(process.name) != os.getpid():
            found.append(f"process {process.name}: {told[:300]!r}")
    return found
