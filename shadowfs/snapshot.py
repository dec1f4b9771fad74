"""A snapshot: a pinned, immutable state of a working tree, uncommitted and untracked files included."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shadowfs.change import RepoPath

if TYPE_CHECKING:
    from shadowfs.depot import Depot


@dataclass(frozen=True, slots=True)
class Omission:
    """A path that the snapshot's tree leaves out, and why (`secret`, `large`, `nested repository`, `special file`)."""

    path: RepoPath
    why: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A pinned state of a repository, kept alive by a ref in its depot.

    `tree` is the git tree of the working tree's raw bytes. `head` is the user's commit at the pin. `base` is the commit whose
    tree is `tree`: `head` where the working tree was clean, else a local commit of the uncommitted work on top of it.
    `pin` is the file with each pinned path's blob and stat. `ignored` are the roots of the live copy-on-write lower
    layer; `fingerprint` is theirs at the pin.
    """

    id: str
    repository: Path
    depot: Depot
    tree: str
    head: str
    branch: str | None
    base: str
    pin: Path
    ignored: tuple[RepoPath, ...]
    fingerprint: str
    omitted: tuple[Omission, ...]

    @property
    def dirty(self) -> bool:
        """Say whether the pin held uncommitted work."""
        return self.base != self.head
