"""What git does not track in a working tree: new files, and the ignored layer with its fingerprint."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable
from itertools import pairwise
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
    for path, following in pairwise([*listed, b""]):
        # git also names a directory that merely holds nothing but ignored files, and then the files: a new file there
        # is not ignored, so the directory is no root.
        if not path.endswith(b"/") or not following.startswith(path):
            roots.append(path.rstrip(b"/"))
    return roots


def fingerprint(repository: Path, ignored: Iterable[str]) -> str:
    """Return a digest of names, sizes and times below these roots, caches left out, to tell later whether they moved."""
    digest = hashlib.blake2b(digest_size=16)
    top = os.fsencode(repository) + b"/"
    for root in sorted(map(os.fsencode, ignored)):
        try:
            status = os.lstat(top + root)
        except (FileNotFoundError, NotADirectoryError):
            continue
        digest.update(_line(root, status))
        if stat.S_ISDIR(status.st_mode):
            _digest_directory(digest, top + root)
    return digest.hexdigest()


def _digest_directory(digest: hashlib.blake2b, path: bytes) -> None:
    try:
        with os.scandir(path) as listing:
            entries = [entry for entry in listing if not _CACHES(entry.name)]
        entries.sort(key=_name)
        found = [(entry, entry.stat(follow_symlinks=False)) for entry in entries]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        # It went meanwhile, or its owner keeps it to himself: its absence is part of the digest.
        return
    digest.update(b"%s\0" % path + b"".join(_line(entry.name, status) for entry, status in found))
    for entry, status in found:
        if stat.S_ISDIR(status.st_mode):
            _digest_directory(digest, entry.path)


def _line(name: bytes, status: os.stat_result) -> bytes:
    # The time of a directory changes with every cache made or removed in it: its entries stand for it.
    directory = stat.S_ISDIR(status.st_mode)
    size, mtime_ns = (0, 0) if directory else (status.st_size, status.st_mtime_ns)
    return b"%s\0%o %d %d\0" % (name, status.st_mode, size, mtime_ns)


def _name(entry: os.DirEntry[bytes]) -> bytes:
    return entry.name
