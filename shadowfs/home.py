"""Where one shadow keeps what is its own: `<state>/shadows/<id>`, with the process that owns it, so that others can sweep."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_OWNER = "owner.json"
_UNSIGNED_S = 60.0


@dataclass(frozen=True, slots=True)
class Home:
    """The directories of one shadow: `mnt` (its mount point or files), `upper` (what it wrote), `git` (its git directory)."""

    id: str
    path: Path
    mnt: Path
    upper: Path
    git: Path

    @classmethod
    def create(cls, state: Path, id: str | None = None) -> Home:
        """Make the directories of a new shadow, owned by this process."""
        id = id or secrets.token_hex(6)
        path = state / "shadows" / id
        path.mkdir(parents=True, mode=0o700)
        owner = {"machine": socket.gethostname(), "pid": os.getpid(), "started": _started(os.getpid())}
        (path / _OWNER).write_text(json.dumps(owner))
        home = cls(id, path, path / "mnt", path / "upper", path / "git")
        for directory in (home.mnt, home.upper, home.git):
            directory.mkdir()
        return home

    def remove(self) -> None:
        """Remove the directories and all they hold, unmounting what is still mounted there. Safe to call twice."""
        remove_tree(self.path)


def sweep(state: Path) -> list[str]:
    """Remove the shadows whose owner has died; return their ids."""
    gone = []
    for path in sorted((state / "shadows").glob("*")):
        if not _owned(path):
            remove_tree(path)
            gone.append(path.name)
    return gone


def _owned(path: Path) -> bool:
    furnished = _furnished(path)
    try:
        owner = json.loads((path / _OWNER).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        # Its creator may be between making the directory and signing it; who had signed it has died while removing it, or is about to end.
        return not furnished and _young(path)
    # Of a process of another machine, or container, nothing is known: what it left is its own to sweep.
    elsewhere = owner.get("machine", socket.gethostname()) != socket.gethostname()
    return elsewhere or bool(owner["started"] == _started(owner["pid"]))


def _furnished(path: Path) -> bool:
    """Say whether there is something that is only made once it is signed."""
    try:
        return any(each.name != _OWNER for each in path.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return False


def _young(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < _UNSIGNED_S
    except FileNotFoundError:
        # Its owner, or another sweep, was quicker.
        return True


def _started(pid: int) -> str | None:
    """Return what tells this process from any other that had or will have its id: the boot and the tick it started at."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(b")")[2].split()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return None if state in b"ZX" else f"{boot}:{int(fields[18])}"


def remove_tree(path: Path) -> None:
    """Remove a directory and all it holds, whatever its modes, unmounting what is mounted there. Safe to call twice."""
    for mount in _mounts_below(path):
        tools = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        words = ["umount", "--lazy"] if os.geteuid() == 0 else ["fusermount3", "-u", "-z"]
        subprocess.run([*words, "--", mount], env=tools, check=False, capture_output=True)
    # A directory that its owner made unreadable must not keep the shadow alive: open it up, then remove.
    while path.exists():
        try:
            shutil.rmtree(path)
        except PermissionError as error:
            _open_up(path, Path(os.fsdecode(error.filename)))
        except FileNotFoundError:
            continue


def _open_up(path: Path, blocked: Path) -> None:
    """Make a directory below `path` writable; raise `PermissionError` when it was not the mode that blocked."""
    directory = blocked if blocked.is_dir() and not blocked.is_symlink() else blocked.parent
    if not directory.is_relative_to(path) or directory.stat().st_mode & 0o700 == 0o700:
        directory = directory.parent
    if not directory.is_relative_to(path) or directory.stat().st_mode & 0o700 == 0o700:
        raise PermissionError(f"cannot remove {blocked} below {path}: remove it by hand")
    directory.chmod(0o700)


def _mounts_below(path: Path) -> list[str]:
    prefix, name = f"{path}/", os.fsencode(path.name)
    found = []
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        # Spaces, tabs, newlines and backslashes are octal escapes in mountinfo.
        if name not in line and b"\\" not in line:
            continue
        point = os.fsdecode(line.split(b" ")[4].decode("unicode_escape").encode("latin-1"))
        if point.startswith(prefix):
            found.append(point)
    return sorted(found, key=len, reverse=True)
