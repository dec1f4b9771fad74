"""Where the code index of a shadow lies, which history it learns, and which files it sees: all that the shadow shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from agents import IndexFile, Locator
from shadowfs import NotPinnable, Past, RepoPath, Shadow, Snapshot

_COMMITS = 2_000


def locator(folder: Path, shadow: Shadow, say: Callable[[str], None]) -> Locator:
    """Return the index of a shadow, in a file below `folder` that all repositories of one history share."""
    snapshot = shadow.snapshot
    return Locator(lambda: _file(folder, snapshot), lambda: _tree(shadow), snapshot.depot, say)


def _file(folder: Path, snapshot: Snapshot) -> IndexFile:
    try:
        past = Past.of(snapshot)
        return IndexFile(folder / f"{past.first(snapshot.head)}.db", past.recent(snapshot.head, _COMMITS), past.changed)
    except NotPinnable:
        # The user's repository is gone: what was pinned can be searched all the same.
        return IndexFile(folder / f"{snapshot.depot.path.stem}.db")


def _tree(shadow: Shadow) -> Mapping[RepoPath, str]:
    """Return the blob of each file that the shadow shows: hidden ones are in its tree, and never in the index."""
    entries = shadow.snapshot.depot.entries(shadow.checkpoint())
    return {path: entries[path].blob for path in shadow.paths() if path in entries}
