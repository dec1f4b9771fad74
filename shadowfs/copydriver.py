"""The `copy` driver: a shadow is a plain copy of the snapshot's files, for machines where no mount works."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from shadowfs import kept
from shadowfs.beneath import delete_beneath, read_beneath, restore_beneath, write_beneath
from shadowfs.change import Change, RepoPath
from shadowfs.copying import copy_file, copy_tree
from shadowfs.errors import ShadowfsError
from shadowfs.gitdir import make_shadow_git_dir
from shadowfs.home import Home
from shadowfs.names import is_git
from shadowfs.pintable import PinnedFile, PinTable
from shadowfs.secrets import hiding
from shadowfs.shadow import Mount, Moved, Probe
from shadowfs.snapshot import Snapshot
from shadowfs.space import needing_space
from shadowfs.stamps import Stamps


class CopyDriver:
    """Makes shadows below `state` that are copies: reflinks where the file system has them."""

    def __init__(self, state: Path) -> None:
        self._state = state.absolute()
        self._made: list[CopyShadow] = []

    @property
    def name(self) -> str:
        """Return `copy`."""
        return "copy"

    def probe(self) -> Probe:
        """Say that it works: it needs nothing but a writable disk."""
        return Probe(True)

    def create(
        self,
        snapshot: Snapshot,
        tree: str | None = None,
        *,
        user: tuple[int, int] | None = None,  # noqa: ARG002 - a copy can be seen by all, and given to anybody
    ) -> CopyShadow:
        """Return a fresh shadow of `snapshot`, or of `tree` over its ignored files; raise `NoSpace` when the disk is full."""
        base = tree or snapshot.tree
        table = _table(snapshot, base)

        def fill(home: Home) -> Stamps:
            make_shadow_git_dir(home.git, snapshot)
            _copy_pinned(home.mnt, snapshot, table)
            _copy_ignored(home.mnt, snapshot)
            return Stamps.fresh(home.mnt, snapshot, table)

        return self._make(base, snapshot, fill)

    def copied(self, shadow: CopyShadow, base: str, stamps: Stamps) -> CopyShadow:
        """Return a new shadow with a copy of another one's files as they are now."""
        mount = shadow.mount
        gitfile = str(mount.path / ".git")

        def fill(home: Home) -> Stamps:
            copy_tree(mount.git_dir, home.git)
            copy_tree(mount.path, home.mnt, lambda path: path != gitfile)
            return stamps.copied(home.mnt)

        return self._make(base, shadow.snapshot, fill)

    def forget(self, shadow: CopyShadow) -> None:
        """Know nothing more of a shadow: it is closed."""
        if shadow in self._made:
            self._made.remove(shadow)

    def close(self) -> None:
        """Close every shadow it made, and end what is kept on the depots below its state."""
        for shadow in list(self._made):
            shadow.close()
        kept.end(self._state)

    def _make(self, base: str, snapshot: Snapshot, fill: Callable[[Home], Stamps]) -> CopyShadow:
        with needing_space(self._state), ExitStack() as undo:
            home = Home.create(self._state)
            undo.callback(home.remove)
            stamps = fill(home)
            (home.mnt / ".git").write_bytes(b"gitdir: " + os.fsencode(home.git) + b"\n")
            undo.pop_all()
        shadow = CopyShadow(self, home, snapshot, base, stamps)
        self._made.append(shadow)
        return shadow


class CopyShadow:
    """A shadow whose files are a copy of its own."""

    def __init__(self, made_by: CopyDriver, home: Home, snapshot: Snapshot, base: str, stamps: Stamps) -> None:
        self._made_by = made_by
        self._home = home
        self._snapshot = snapshot
        self._base = base
        self._stamps = stamps
        self._sealed: Change | None = None

    @property
    def id(self) -> str:
        """Return its id, the name of its directory below the state's `shadows`."""
        return self._home.id

    @property
    def driver(self) -> str:
        """Return `copy`."""
        return "copy"

    @property
    def snapshot(self) -> Snapshot:
        """Return the snapshot it is a shadow of."""
        return self._snapshot

    @property
    def mount(self) -> Mount:
        """Return where its files are: a directory that every process sees."""
        return Mount(self._home.mnt, None, self._home.git, self._snapshot.depot.objects)

    def read(self, path: RepoPath) -> bytes:
        """Return the content of a file; a link inside the tree is followed."""
        with self._root() as root:
            return read_beneath(root, path)

    def write(self, path: RepoPath, data: bytes, *, executable: bool | None = None) -> None:
        """Replace or create a file, making its directories."""
        self._check_open()
        with self._root() as root, needing_space(self._home.path):
            write_beneath(root, path, data, executable=executable)

    def delete(self, path: RepoPath) -> None:
        """Remove a file."""
        self._check_open()
        with self._root() as root:
            delete_beneath(root, path)

    def paths(self) -> Iterator[RepoPath]:
        """Yield every file of the change's universe, sorted."""
        return iter(sorted(self._stamps.look()[0]))

    def fork(self) -> CopyShadow:
        """Return a new shadow that starts from this one's present state."""
        return self._made_by.copied(self, self._base, self._stamps)

    def move(self, snapshot: Snapshot, tree: str | None = None) -> Moved:
        """Become a copy of a later snapshot, or of `tree`, apart from what it has of its own; one file after another."""
        self._check_open()
        base = tree or snapshot.tree
        with self._root() as root, needing_space(self._home.path):
            moved = self._stamps.move(root, snapshot, _table(snapshot, base))
        self._snapshot, self._base = snapshot, base
        return moved

    def restore(self, tree: str) -> Change:
        """Make the files those of a tree of the depot, and return what that changed."""
        self._check_open()
        change = self._snapshot.depot.change(self.checkpoint(), tree)
        with self._root() as root, needing_space(self._home.path):
            restore_beneath(root, change)
        return change

    def checkpoint(self) -> str:
        """Write the present state into the depot and return its tree id."""
        if self._sealed is not None:
            return self._sealed.tree
        with needing_space(self._home.path):
            depot = self._snapshot.depot
            tree = depot.graft(self._base, self._stamps.look()[1])
            depot.keep(f"trees/{tree}", tree)
            return tree

    def change(self) -> Change:
        """Return what differs between the tree it was created from and now."""
        return self._sealed or self._snapshot.depot.change(self._base, self.checkpoint())

    def seal(self) -> Change:
        """End the shadow for writers; return its final change, which nothing alters any more."""
        self._sealed = self.change()
        return self._sealed

    def check(self) -> None:
        """Do nothing: no process has to live for its files to be there."""

    def close(self) -> None:
        """Remove everything it kept. Safe to call twice."""
        self._home.remove()
        self._made_by.forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._sealed is not None:
            raise ShadowfsError(f"shadow {self.id} is sealed: fork the snapshot's tree to go on from it")

    @contextmanager
    def _root(self) -> Iterator[int]:
        descriptor = os.open(self._home.mnt, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _table(snapshot: Snapshot, tree: str) -> PinTable:
    table = PinTable.load(snapshot.pin)
    if tree == snapshot.tree:
        return table
    return table.overlay(snapshot.depot.change(snapshot.tree, tree), time.time_ns())


def _copy_pinned(target: Path, snapshot: Snapshot, table: PinTable) -> None:
    for directory in sorted(table.directories):
        (target / os.fsdecode(directory)).mkdir(exist_ok=True)
    for raw, file in table:
        if not file.absent:
            path = os.fsdecode(raw)
            if not _copy_live(snapshot.repository / path, target / path, file):
                _write_blob(target / path, file, snapshot)


def _copy_live(source: Path, target: Path, file: PinnedFile) -> bool:
    """Copy the user's file while it is the pinned one; say whether it was, before and after."""
    if not file.live or not stat.S_ISREG(file.mode):
        return False
    try:
        before = copy_file(source, target)
        after = source.lstat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return False
    pinned = (file.size, file.mtime_ns, file.ctime_ns, file.ino, file.dev)
    if all((s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_dev) == pinned for s in (before, after)):
        return True
    target.unlink()
    return False


def _write_blob(target: Path, file: PinnedFile, snapshot: Snapshot) -> None:
    data = snapshot.depot.read(file.blob)
    if stat.S_ISLNK(file.mode):
        target.symlink_to(os.fsdecode(data))
    else:
        target.write_bytes(data)
        target.chmod(file.mode & 0o777)
    os.utime(target, ns=(file.mtime_ns, file.mtime_ns), follow_symlinks=False)


def _copy_ignored(target: Path, snapshot: Snapshot) -> None:
    """Copy the live layer, without what holds secrets and without git directories."""
    hidden = hiding(snapshot.secret_patterns)
    top = len(os.fsencode(snapshot.repository)) + 1

    def wanted(path: str) -> bool:
        raw = os.fsencode(path)[top:]
        return not is_git(raw.rpartition(b"/")[2]) and (Path(path).is_dir() or not hidden(raw, False))

    for root in snapshot.ignored:
        (target / root).parent.mkdir(parents=True, exist_ok=True)
        copy_tree(snapshot.repository / root, target / root, wanted)
