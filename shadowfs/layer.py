"""What git does not track in a working tree: new files, and the ignored layer with its fingerprint."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from shadowfs import git

# Made by running things, never by somebody who means it: no reason to verify again.
_CACHES = re.compile(rb"(__pycache__|\.(pytest|mypy|ruff)_cache|\.hypothesis|\.git|.*\.py[co])$").match


def list_untracked(git_dir: Path, root: Path) -> list[bytes]:
    """Return the files that are neither tracked nor ignored; a nested repository is one entry that ends with a slash."""
    args = ["ls-files", "-z", "--others", "--exclude-standard"]
    return git.run(args, git_dir=git_dir, work_tree=root).split(b"\0")[:-1]


def list_ignored(git_dir: Path, root: Path) -> list[bytes]:
    """Return the roots of what is ignored: files, and directories that are ignored themselves (without a slash)."""
    args = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"]
    listed = sorted(git.run(args, git_dir=git_dir, work_tree=root).split(b"\0")[:-1])
    roots = []
    for path, following in zip(listed, [*listed[1:], b""], strict=True):
        # git also names a directory that merely holds nothing but ignored files, and then the files: a new file there
        # is not ignored, so the directory is no root.
        if not path.endswith(b"/") or not following.startswith(path):
            roots.append(path.rstrip(b"/"))
    return roots


def fingerprint(repository: Path, ignored: Iterable[str]) -> str:
    """Return a digest of names, sizes and times below these roots, caches left out, to tell later whether they moved."""
    digest = hashlib.blake2b(digest_size=16)
    top = os.fsencode(repository)
    for root in sorted(os.fsencode(path) for path in ignored):
        for path, status in _walk(os.path.join(top, root)):  # noqa: PTH118 - bytes
            digest.update(b"%s\0%o %d %d\0" % (path[len(top) :], status.st_mode, status.st_size, status.st_mtime_ns))
    return digest.hexdigest()


def _walk(path: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    pending = [(path, status)]
    while pending:
        path, status = pending.pop()
        if status.st_mode & 0o170000 != 0o040000:
            yield path, status
            continue
        try:
            with os.scandir(path) as listing:
                found = sorted((entry.path, entry) for entry in listing if not _CACHES(entry.name))
            pending += [(name, entry.stat(follow_symlinks=False)) for name, entry in found]
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            # It went meanwhile, or its owner keeps it to himself: its absence is part of the digest.
            continue
