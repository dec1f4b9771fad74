"""The `memory` driver: a shadow without a directory, for tests and for plugins that only look at content."""

from __future__ import annotations

import os
import posixpath
import secrets
from collections.abc import Iterator
from typing import Self

from shadowfs.change import Change, Entry, RepoPath
from shadowfs.errors import DriverUnavailable, RefusedPath, ShadowfsError
from shadowfs.ignore import ignored_paths
from shadowfs.names import is_git
from shadowfs.pintable import PinTable
from shadowfs.shadow import Mount, Moved, Probe
from shadowfs.snapshot import Snapshot

_LINK = 0o120000
_LINKS = 40


class MemoryDriver:
    """Makes shadows that hold what was written in memory and read the rest from the depot."""

    @property
    def name(self) -> str:
        """Return `memory`."""
        return "memory"

    def probe(self) -> Probe:
        """Say that it works."""
        return Probe(True)

    def create(
        self,
        snapshot: Snapshot,
        tree: str | None = None,
        *,
        user: tuple[int, int] | None = None,  # noqa: ARG002 - nobody sees it
    ) -> MemoryShadow:
        """Return a fresh shadow of `snapshot`, or of `tree`."""
        base = tree or snapshot.tree
        entries = _entries(snapshot, base)
        return MemoryShadow(snapshot, base, entries, dict(entries))

    def close(self) -> None:
        """Do nothing: nothing keeps running."""


class MemoryShadow:
    """A shadow that is a mapping of paths to entries."""

    def __init__(
        self,
        snapshot: Snapshot,
        base: str,
        before: dict[RepoPath, Entry],
        now: dict[RepoPath, Entry],
    ) -> None:
        self._id = secrets.token_hex(6)
        self._snapshot = snapshot
        self._base = base
        self._before = before
        self._now = now
        self._sealed: Change | None = None

    @property
    def id(self) -> str:
        """Return its id."""
        return self._id

    @property
    def driver(self) -> str:
        """Return `memory`."""
        return "memory"

    @property
    def snapshot(self) -> Snapshot:
        """Return the snapshot it is a shadow of."""
        return self._snapshot

    @property
    def mount(self) -> Mount:
        """Raise `DriverUnavailable`: it has no directory."""
        raise DriverUnavailable("a shadow in memory has no directory: use the fuse or the copy driver to run commands")

    def read(self, path: RepoPath) -> bytes:
        """Return the content of a file; a link inside the tree is followed."""
        found = self._follow(path)
        if found not in self._now:
            raise _missing(path, found, self._now)
        return self._snapshot.depot.read(self._now[found].blob)

    def write(self, path: RepoPath, data: bytes, *, executable: bool | None = None) -> None:
        """Replace or create a file."""
        self._check_open()
        found = self._follow(path)
        parents = [found[:index] for index, character in enumerate(found) if character == "/"]
        if any(parent in self._now for parent in parents):
            raise NotADirectoryError(f"{path!r} lies below a file")
        if any(other.startswith(f"{found}/") for other in self._now):
            raise IsADirectoryError(f"{path!r} is a directory")
        mode = self._now[found].mode if found in self._now else 0o100644
        if executable is not None:
            mode = 0o100755 if executable else 0o100644
        self._now[found] = Entry(mode, self._snapshot.depot.write(data))

    def delete(self, path: RepoPath) -> None:
        """Remove a file."""
        self._check_open()
        found = self._follow(path, last=False)
        if found not in self._now:
            raise _missing(path, found, self._now)
        del self._now[found]

    def paths(self) -> Iterator[RepoPath]:
        """Yield every file of the change's universe, sorted."""
        return iter(sorted(self._now.keys() - self._ignored()))

    def fork(self) -> MemoryShadow:
        """Return a new shadow that starts from this one's present state."""
        return MemoryShadow(self._snapshot, self._base, self._before, dict(self._now))

    def move(self, snapshot: Snapshot, tree: str | None = None) -> Moved:
        """Become a shadow of a later snapshot, or of `tree`, apart from what it has of its own."""
        self._check_open()
        base = tree or snapshot.tree
        after = _entries(snapshot, base)
        own = {path for path in self._before.keys() | self._now.keys() if self._before.get(path) != self._now.get(path)}
        changed = {path for path in self._before.keys() | after.keys() if self._before.get(path) != after.get(path)}
        kept = {path for path in changed if path in own or _clashes(path, own & self._now.keys())}
        for path in changed - kept:
            self._now.pop(path, None)
            if path in after:
                self._now[path] = after[path]
        self._snapshot, self._base, self._before = snapshot, base, after
        return Moved(tuple(sorted(changed - kept)), tuple(sorted(kept)))

    def restore(self, tree: str) -> Change:
        """Make the files those of a tree of the depot, and return what that changed."""
        self._check_open()
        change = self._snapshot.depot.change(self.checkpoint(), tree)
        comes = {file.path: file.after for file in change.files if file.after and file.after.mode != 0o160000}
        goes = {path for path in self._now if _clashes(path, set(comes))}.union(change.paths())
        self._now = {path: entry for path, entry in self._now.items() if path not in goes} | comes
        return change

    def checkpoint(self) -> str:
        """Write the present state into the depot and return its tree id."""
        delta: dict[RepoPath, Entry | None] = dict.fromkeys(self._before.keys() - self._now.keys())
        changed = {path: entry for path, entry in self._now.items() if entry != self._before.get(path)}
        delta.update((path, entry) for path, entry in changed.items() if path not in self._ignored())
        tree = self._snapshot.depot.graft(self._base, delta)
        self._snapshot.depot.keep(f"trees/{tree}", tree)
        return tree

    def change(self) -> Change:
        """Return what differs between the tree it was created from and now."""
        return self._sealed or self._snapshot.depot.change(self._base, self.checkpoint())

    def seal(self) -> Change:
        """End the shadow for writers; return its final change."""
        self._sealed = self.change()
        return self._sealed

    def check(self) -> None:
        """Do nothing: its files are there."""

    def close(self) -> None:
        """End the shadow. Safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._sealed is not None:
            raise ShadowfsError(f"shadow {self.id} is sealed: fork the snapshot's tree to go on from it")

    def _ignored(self) -> set[RepoPath]:
        return ignored_paths(self._snapshot, self._now.keys() - self._before.keys())

    def _follow(self, path: RepoPath, *, last: bool = True) -> RepoPath:
        """Return the path that `path` names once its links are followed; raise `RefusedPath` where it may not go."""
        _check(path)
        done: list[str] = []
        todo = path.split("/")[::-1]
        for _ in range(_LINKS * (len(todo) + 1)):
            if not todo:
                return "/".join(done)
            name = todo.pop()
            here = "/".join([*done, name])
            entry = self._now.get(here)
            if entry is None or entry.mode != _LINK or not (todo or last):
                done.append(name)
                continue
            target = os.fsdecode(self._snapshot.depot.read(entry.blob))
            joined = posixpath.normpath(posixpath.join("/".join(done), target))
            _check(joined)
            done, todo = [], [*todo, *joined.split("/")[::-1]]
        raise RefusedPath(f"{path!r} leads through too many links")


def _entries(snapshot: Snapshot, tree: str) -> dict[RepoPath, Entry]:
    """Return the files that a shadow of a tree has."""
    absent = {os.fsdecode(path) for path, file in PinTable.load(snapshot.pin) if file.absent}
    entries = snapshot.depot.entries(tree).items()
    return {path: entry for path, entry in entries if entry.mode != 0o160000 and path not in absent}


def _clashes(path: RepoPath, own: set[RepoPath]) -> bool:
    """Say whether one of the shadow's own files stands where a path has a directory, or below it."""
    return any(other.startswith(f"{path}/") or path.startswith(f"{other}/") for other in own)


def _check(path: RepoPath) -> None:
    names = path.split("/")
    if not path or "\0" in path or names[0] == "" or names[-1] == "":
        raise RefusedPath(f"{path!r} names no file of the tree: give a path relative to the repository")
    if ".." in names or any(is_git(os.fsencode(name)) for name in names):
        raise RefusedPath(f"{path!r} leaves the tree or enters a git directory")


def _missing(path: RepoPath, found: RepoPath, now: dict[RepoPath, Entry]) -> OSError:
    if any(other.startswith(f"{found}/") for other in now):
        return IsADirectoryError(f"{path!r} is a directory")
    return FileNotFoundError(f"there is no {path!r} in the shadow")
