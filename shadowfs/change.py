"""A change: what differs between two trees of a depot. It names content by git blob id and never holds a working tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

RepoPath = str
"""A path inside a repository: POSIX, relative, no leading slash, decoded with `os.fsdecode` (surrogate escapes)."""


class Blobs(Protocol):
    """Read content by git blob id."""

    def read(self, blob: str) -> bytes:
        """Return the bytes of `blob`; raise `DepotError` when it is not there."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a tree: its git mode (0o100644, 0o100755, 0o120000, 0o160000) and its blob (or commit) id."""

    mode: int
    blob: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """One path whose entry differs; `before` is None for an added file, `after` for a deleted one."""

    path: RepoPath
    before: Entry | None
    after: Entry | None

    @property
    def kind(self) -> str:
        """Return `added`, `deleted` or `modified`."""
        if self.before is None:
            return "added"
        return "deleted" if self.after is None else "modified"


@dataclass(frozen=True, slots=True)
class Change:
    """The difference between the trees `base` and `tree` (git tree ids), whoever made it; paths are sorted."""

    base: str
    tree: str
    files: tuple[FileChange, ...]
    blobs: Blobs

    def __bool__(self) -> bool:
        return bool(self.files)

    def paths(self) -> Iterator[RepoPath]:
        """Yield the paths that differ."""
        return (file.path for file in self.files)

    def before(self, path: RepoPath) -> bytes | None:
        """Return the content at `path` in the base, None where it has none."""
        return self._content(path, "before")

    def after(self, path: RepoPath) -> bytes | None:
        """Return the content at `path` in the tree, None where it has none."""
        return self._content(path, "after")

    def _content(self, path: RepoPath, side: str) -> bytes | None:
        for file in self.files:
            if file.path == path:
                entry: Entry | None = getattr(file, side)
                return None if entry is None or entry.mode == 0o160000 else self.blobs.read(entry.blob)
        return None
