"""The Protocols every shadow driver keeps: a writable copy-on-write view of a snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from shadowfs.change import Change, RepoPath

if TYPE_CHECKING:
    from shadowfs.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a shadow's files are.

    `path` is a directory; where `namespace` is a process id, the directory has the files only inside that
    process's mount namespace (and user namespace, where it has one of its own). `git_dir` is the shadow's own git
    directory, named by the gitfile at `path/.git`; `objects` is the depot's object store that it borrows from.
    """

    path: Path
    namespace: int | None
    git_dir: Path
    objects: Path


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether a driver works here, and if not why and what to do."""

    works: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move to another snapshot did: the paths that are as there now, and those that stay as the shadow has them.

    Both name only files whose content or mode the snapshots differ in.
    """

    taken: tuple[RepoPath, ...]
    kept: tuple[RepoPath, ...]


class Shadow(Protocol):
    """A writable copy-on-write view of a snapshot. Writing never reaches the user's files.

    Paths are repository-relative. Reading and writing refuse what leaves the tree or enters `.git`
    (`RefusedPath`); a missing file raises `FileNotFoundError`. Files that match the secret patterns do not exist.
    """

    @property
    def id(self) -> str: ...
    @property
    def driver(self) -> str: ...
    @property
    def snapshot(self) -> Snapshot: ...
    @property
    def mount(self) -> Mount: ...

    def read(self, path: RepoPath) -> bytes:
        """Return the content of a file (a symbolic link inside the tree is followed, one that leaves it refused)."""
        ...

    def write(self, path: RepoPath, data: bytes, *, executable: bool | None = None) -> None:
        """Replace or create a file, making its directories; the mode stays unless `executable` is given."""
        ...

    def delete(self, path: RepoPath) -> None:
        """Remove a file."""
        ...

    def paths(self) -> Iterator[RepoPath]:
        """Yield every file that belongs to the change's universe: pinned or made in the shadow, ignored ones left out."""
        ...

    def fork(self) -> Shadow:
        """Return a new shadow that starts from this one's present state; both diverge from here on."""
        ...

    def move(self, snapshot: Snapshot, tree: str | None = None) -> Moved:
        """Become a shadow of a later snapshot of the same repository, or of `tree` over its ignored files.

        Files that the shadow wrote, made, renamed or removed stay as it has them; all others are those of the snapshot from then
        on, and whoever has one open goes on reading what he opened. Forks made before stay where they are.
        """
        ...

    def restore(self, tree: str) -> Change:
        """Make the files those of a tree of the depot, and return what that changed.

        Links and modes are as there, no link is followed, and what is ignored goes where it is in the way.
        """
        ...

    def checkpoint(self) -> str:
        """Write the present state into the depot and return its tree id; the shadow stays writable."""
        ...

    def change(self) -> Change:
        """Return what differs between the tree it was created from and now (implies `checkpoint`)."""
        ...

    def seal(self) -> Change:
        """End the shadow: nothing can write any more; return its final change."""
        ...

    def check(self) -> None:
        """Raise `ShadowfsError` where its files are gone though nobody ended it: what commands saw of them lately says nothing."""
        ...

    def close(self) -> None:
        """End the shadow and remove everything it kept, trees in the depot apart. Safe to call twice."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


class Driver(Protocol):
    """Makes shadows in one way (`fuse`, `copy`)."""

    @property
    def name(self) -> str: ...

    def probe(self) -> Probe:
        """Say whether this driver works on this machine."""
        ...

    def create(self, snapshot: Snapshot, tree: str | None = None, *, user: tuple[int, int] | None = None) -> Shadow:
        """Return a fresh shadow of `snapshot`, or of `tree` (a tree of the same depot) over its ignored files.

        With a `user` (uid and gid) others may see it, and that user work in it: a Docker engine and its containers.
        Raises `DriverUnavailable` where the driver does not work here, `NoSpace` when the disk is full.
        """
        ...

    def close(self) -> None:
        """End what the driver keeps running (its zygote) and every shadow it made."""
        ...
