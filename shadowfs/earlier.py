"""Earlier texts of a file, as the user's last commits had it: read from his repository, which keeps them alone."""

from __future__ import annotations

import os
import re

from shadowfs import git, worktree
from shadowfs.change import RepoPath
from shadowfs.snapshot import Snapshot
from shadowfs.worktree import WorkTree

COMMITS = 20
"""How many commits are looked at."""
LARGE_BYTES = 1 << 20
_CHANGED = re.compile(rb":\d+ \d+ ([0-9a-f]+) [0-9a-f]+ M\0")


def earlier_texts(snapshot: Snapshot, path: RepoPath, most: int = 4) -> list[bytes]:
    """Return up to `most` texts that a file had, the latest first: in the pinned commit, then before each of the last that changed it.

    Only the newest commits are looked at, merges left out; a text that is missing, in a partial clone, is passed over.
    Raises `NotPinnable` where the repository is gone.
    """
    source = worktree.find(snapshot.repository, {})
    commits = _git(snapshot, source, "rev-list", "--no-merges", f"--max-count={COMMITS}", snapshot.head).split()
    if not commits:
        return []
    last = _git(snapshot, source, "ls-tree", "-z", "--full-tree", snapshot.head, "--", path).split()
    args = [
        "log",
        "--no-walk=unsorted",
        "--stdin",
        "-z",
        "--raw",
        "--no-renames",
        "--no-abbrev",
        "--format=",
        "--",
        path,
    ]
    before = _CHANGED.findall(_git(snapshot, source, *args, input=b"\n".join(commits)))
    blobs = dict.fromkeys((*last[2:3], *before))
    sizes = snapshot.depot.sizes(map(bytes.decode, blobs), [source.objects])
    fit = [blob.decode() for blob in blobs if 0 <= sizes.get(blob.decode(), -1) <= LARGE_BYTES]
    return [_git(snapshot, source, "cat-file", "blob", blob) for blob in fit[:most]]


def _git(snapshot: Snapshot, source: WorkTree, *args: str, input: bytes = b"") -> bytes:
    """Run git on the depot, over the user's objects and up to where his history ends, not where the depot's does."""
    shallow = source.common_dir / "shallow"
    whole = ("--shallow-file", str(shallow) if shallow.exists() else "")
    words = tuple(os.fsencode(word) for word in (*whole, *args))
    return git.run(words, git_dir=snapshot.depot.path, alternates=[source.objects], input=input)
