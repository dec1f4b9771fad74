"""Applying: a change goes into the user's working tree, whole or not at all, around the edits made there since. The index stays."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import WouldOverwrite
from shadowfs import Change, FileChange, RepoPath, check_exportable, merge

LINK = 0o120000
PLAIN, EXECUTABLE = 0o100644, 0o100755
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Content:
    """What is at a path: a git mode and bytes (of a symbolic link, its target)."""

    mode: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Write:
    """What is to be done at one path: `old` is there now, `new` is to be there (None: nothing)."""

    path: RepoPath
    old: Content | None
    new: Content | None


def apply(repository: Path, change: Change) -> tuple[RepoPath, ...]:
    """Put `change` into the working tree and return the paths written or deleted.

    Raises `WouldOverwrite`, and `RefusedPath` for what may not be delivered either: then nothing was written.
    """
    writes = list(_plan(repository, change))
    check_exportable(change)
    done: list[Write] = []
    try:
        for write in writes:
            _put(repository, write.path, write.new)
            done.append(write)
    except OSError:
        for write in reversed(done):
            _put(repository, write.path, write.old)
        raise
    return tuple(write.path for write in writes)


def _plan(repository: Path, change: Change) -> Iterator[Write]:
    """Say what is to be done; look at everything before anything is written."""
    writes, clashes = [], []
    for file in change.files:
        write = _decide(repository, change, file)
        if write is None:
            clashes.append(file.path)
        elif write.old != write.new:
            writes.append(write)
    if clashes:
        shown = ", ".join(map(repr, clashes[:SHOWN])) + (
            f" and {len(clashes) - SHOWN} more" if len(clashes) > SHOWN else ""
        )
        raise WouldOverwrite(
            f"{shown} changed since the ticket was pinned: commit or undo that, or merge the branch instead"
        )
    return iter(writes)


def _decide(repository: Path, change: Change, file: FileChange) -> Write | None:
    """Return what to do at one path, None where the user's edits are in the way."""
    modes = [entry.mode for entry in (file.before, file.after) if entry is not None]
    if not _is_inside(repository, file.path) or any(mode not in (PLAIN, EXECUTABLE, LINK) for mode in modes):
        return None
    before = None if file.before is None else Content(file.before.mode, change.before(file.path) or b"")
    after = None if file.after is None else Content(file.after.mode, change.after(file.path) or b"")
    try:
        now = _look(repository / file.path)
    except IsADirectoryError:
        return None
    if now == after:
        return Write(file.path, now, now)
    if now == before:
        return Write(file.path, now, after)
    if now is None or before is None or after is None or LINK in (now.mode, before.mode, after.mode):
        return None
    merged = merge(before.data, now.data, after.data)
    if merged is None:
        return None
    return Write(file.path, now, Content(after.mode if now.mode == before.mode else now.mode, merged))


def _is_inside(repository: Path, path: RepoPath) -> bool:
    """Say whether every directory on the way is a real one (or missing), so that no link leads out of the tree."""
    at = repository
    for part in path.split("/")[:-1]:
        at = at / part
        if part in ("", ".", "..") or part.lower() == ".git" or at.is_symlink() or (at.exists() and not at.is_dir()):
            return False
    return path.rpartition("/")[2].lower() not in ("", ".", "..", ".git")


def _look(path: Path) -> Content | None:
    """Return what is at a path. Raises `IsADirectoryError` for what is no file."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(mode):
        return Content(LINK, os.fsencode(path.readlink()))
    if not stat.S_ISREG(mode):
        raise IsADirectoryError(str(path))
    return Content(EXECUTABLE if mode & 0o100 else PLAIN, path.read_bytes())


def _put(repository: Path, path: RepoPath, content: Content | None) -> None:
    target = repository / path
    if content is None:
        target.unlink(missing_ok=True)
        _remove_empty(repository, target.parent)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".nightcrew-") as directory:
        made = Path(directory) / "file"
        if content.mode == LINK:
            made.symlink_to(os.fsdecode(content.data))
        else:
            made.write_bytes(content.data)
            made.chmod(_permissions(target, made, content.mode))
        made.replace(target)


def _permissions(target: Path, made: Path, mode: int) -> int:
    """Return the permissions a file is to have: those it has, or those of any new file, executable or not as git says."""
    bits = stat.S_IMODE((target if target.is_file() and not target.is_symlink() else made).stat().st_mode)
    return bits | (bits & 0o444) >> 2 if mode == EXECUTABLE else bits & ~0o111


def _remove_empty(repository: Path, directory: Path) -> None:
    """Remove directories that a deletion left empty, as git does."""
    while directory != repository and not any(directory.iterdir()):
        directory.rmdir()
        directory = directory.parent
