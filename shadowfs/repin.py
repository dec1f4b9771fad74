"""Pins what changed since a snapshot, where it is known which paths that are: a few files are looked at instead of all."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from shadowfs.borrow import parse_commit
from shadowfs.change import Entry, RepoPath
from shadowfs.errors import DepotError, NotPinnable
from shadowfs.ignore import ignored_paths
from shadowfs.names import is_git
from shadowfs.pin import LARGE_BYTES, commit_of
from shadowfs.pintable import PinTable, Row
from shadowfs.scan import is_settled
from shadowfs.secrets import hiding
from shadowfs.snapshot import Snapshot
from shadowfs.space import needing_space

_ROUNDS = 3
_RULES = (b".gitignore", b".git")


class PinAllAgain(Exception):
    """What changed takes more than looking at the files that did: rules changed, or something that they ignore is new."""


def repin(before: Snapshot, table: PinTable, paths: Iterable[bytes]) -> tuple[Snapshot, PinTable]:
    """Return a snapshot, and its table, that differ from `before` in what now is at these paths and below them.

    The same ones where nothing differs. Head and fingerprint stay those of `before`. Raises `PinAllAgain`, and `NotPinnable`
    for a file that cannot be read.
    """
    found = _Looking(before, table)
    for path in paths:
        found.look(path)
    rows = found.rows()
    if all(table_row(table, path) == row for path, row in rows.items()):
        return before, table
    with needing_space(before.pin.parent):
        return _kept(before, table.replaced(rows), rows)


def table_row(table: PinTable, path: bytes) -> Row | None:
    """Return the row of a path."""
    directory, _, name = path.rpartition(b"/")
    return table.directories.get(directory, {}).get(name)


@dataclass(slots=True)
class _Looking:
    """What is found at the paths that changed: files to read, and paths that are gone."""

    before: Snapshot
    table: PinTable
    _gone: set[bytes] = field(default_factory=set)
    _files: dict[bytes, os.stat_result] = field(default_factory=dict)

    @property
    def _root(self) -> bytes:
        return self.table.repository + b"/"

    def look(self, path: bytes) -> None:
        """Look at a path, and at all below it where it is or was a directory."""
        if self._is_live(path) or not self._is_part(path):
            return
        status = self._stat(path)
        self._gone.update(self._pinned_below(path))
        if status is None:
            self._gone.add(path)
        elif stat.S_ISDIR(status.st_mode):
            self._gone.add(path)
            self._look_below(path)
        else:
            self._see(path, status)

    def rows(self) -> dict[bytes, Row | None]:
        """Return what is there now: a row for each file, None where a pinned one is gone."""
        rows: dict[bytes, Row | None] = {}
        for path in self._gone - self._files.keys():
            row = table_row(self.table, path)
            if row is not None and not row[8]:
                rows[path] = None
        self._check_new([path for path in self._files if table_row(self.table, path) is None])
        todo = dict(self._files)
        for _ in range(_ROUNDS):
            todo = self._read(todo, rows)
        # What never stood still is told of again, and stays as it was until then.
        return rows

    def _look_below(self, directory: bytes) -> None:
        try:
            with os.scandir(self._root + directory) as listing:
                entries = list(listing)
        except (FileNotFoundError, NotADirectoryError):
            return
        except PermissionError as error:
            raise NotPinnable(f"{os.fsdecode(directory)!r} cannot be read: make it readable, or ignore it") from error
        for entry in entries:
            path = directory + b"/" + entry.name
            if not self._is_live(path) and self._is_part(path):
                status = self._stat(path)
                if status is not None and stat.S_ISDIR(status.st_mode):
                    self._look_below(path)
                elif status is not None:
                    self._see(path, status)

    def _see(self, path: bytes, status: os.stat_result) -> None:
        if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            self._files[path] = status
        else:
            self._gone.add(path)

    def _is_part(self, path: bytes) -> bool:
        """Say whether a path is one of a working tree's files. Raises `PinAllAgain` for one that says which of them are."""
        names = path.split(b"/")
        if names[-1] in _RULES and (names[-1] != b".git" or len(names) > 1):
            raise PinAllAgain
        row = table_row(self.table, path)
        return not any(map(is_git, names)) and (row is None or not row[8])

    def _is_live(self, path: bytes) -> bool:
        roots = self.table.ignored
        return any(path == root or path.startswith(root + b"/") for root in roots)

    def _stat(self, path: bytes) -> os.stat_result | None:
        """Return the stat of a path; None where nothing is, or where a link leads to it."""
        parent = path.rpartition(b"/")[0]
        try:
            while parent:
                if not stat.S_ISDIR(os.lstat(self._root + parent).st_mode):
                    return None
                parent = parent.rpartition(b"/")[0]
            return os.lstat(self._root + path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _pinned_below(self, path: bytes) -> Iterator[bytes]:
        for directory, files in self.table.directories.items():
            if directory == path or directory.startswith(path + b"/"):
                for name in files:
                    yield directory + b"/" + name

    def _check_new(self, paths: list[bytes]) -> None:
        """Have all pinned again where something is new that is not simply part of the tree: ignored, hidden or large."""
        hidden = hiding(self.before.secret_patterns)
        large = any(self._files[path].st_size > LARGE_BYTES for path in paths)
        if large or any(hidden(path, False) for path in paths):
            raise PinAllAgain
        if paths and ignored_paths(self.before, map(os.fsdecode, paths)):
            raise PinAllAgain

    def _read(self, todo: dict[bytes, os.stat_result], rows: dict[bytes, Row | None]) -> dict[bytes, os.stat_result]:
        """Add the rows of files; return those that changed meanwhile, as they are now."""
        for path, status in list(todo.items()):
            row = table_row(self.table, path)
            if row is not None and row[7] and row[2:7] == _kept_of(status) and row[0] == self._mode(path, status):
                rows[path] = row
                del todo[path]
        now_ns = time.time_ns()
        blobs = self._write(todo)
        again = {}
        for path, before in todo.items():
            after = self._stat(path)
            if after is not None and _kept_of(after) == _kept_of(before) and path in blobs:
                # Reading it may have moved its time of access, which says nothing.
                mode = self._mode(path, after)
                rows[path] = (mode, blobs[path], *_kept_of(after), is_settled(after, now_ns), False)
            elif after is None:
                rows[path] = None
            elif stat.S_ISREG(after.st_mode) or stat.S_ISLNK(after.st_mode):
                again[path] = after
        return again

    def _write(self, files: dict[bytes, os.stat_result]) -> dict[bytes, str]:
        """Keep what the files hold in the depot; those that went meanwhile are left out."""
        depot = self.before.depot
        blobs: dict[bytes, str] = {}
        plain = [path for path, status in files.items() if stat.S_ISREG(status.st_mode)]
        full = [self.before.repository / os.fsdecode(path) for path in plain]
        try:
            blobs.update(zip(plain, depot.write_files(full), strict=True))
        except DepotError:
            unread = [str(file) for file in full if file.exists() and not os.access(file, os.R_OK)]
            if unread:
                raise NotPinnable(f"{unread[0]} cannot be read: make it readable, or have git ignore it") from None
        for path in files.keys() - set(plain):
            try:
                blobs[path] = depot.write(os.fsencode((self.before.repository / os.fsdecode(path)).readlink()))
            except OSError:
                continue
        return blobs

    def _mode(self, path: bytes, status: os.stat_result) -> int:
        if stat.S_ISLNK(status.st_mode):
            return 0o120000
        row = table_row(self.table, path)
        if row is not None and stat.S_ISREG(row[0]) and "filemode = false" in self._config():
            return row[0]
        return 0o100755 if status.st_mode & 0o100 else 0o100644

    def _config(self) -> str:
        return (self.before.pin.parent / "config").read_text()


def _kept_of(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)


def _kept(before: Snapshot, table: PinTable, rows: dict[bytes, Row | None]) -> tuple[Snapshot, PinTable]:
    """Keep the snapshot with these rows, of the same head."""
    depot = before.depot
    files: dict[RepoPath, Entry | None] = {
        os.fsdecode(path): None if row is None else Entry(row[0], row[1]) for path, row in rows.items()
    }
    tree = depot.graft(before.tree, files)
    base = commit_of(depot, tree, parse_commit(before.head, depot.read_commit(before.head)), before.branch)
    return _saved(replace(before, tree=tree, base=base), table), table


def rewind(newest: Snapshot, base: str, head: str, branch: str | None) -> Snapshot:
    """Return a snapshot of an earlier state, whose commit is `base`, over the ignored files of the newest one."""
    depot = newest.depot
    tree = depot.resolve(f"{base}^{{tree}}")
    table = PinTable.load(newest.pin).overlay(depot.change(newest.tree, tree), time.time_ns())
    return _saved(replace(newest, tree=tree, base=base, head=head, branch=branch), table)


def _saved(like: Snapshot, table: PinTable) -> Snapshot:
    """Write a snapshot under an id of its own beside the one that `like` was made from, whose rules hold on."""
    id = secrets.token_hex(8)
    directory = like.pin.parent.with_name(id)
    directory.mkdir(mode=0o700)
    try:
        asked = like.pin.with_name("ignoring").exists()
        for name in ("exclude", "config", "index", *(["ignoring"] if asked else [])):
            (directory / name).hardlink_to(like.pin.with_name(name))
        table.save(directory / "table")
        like.depot.keep(f"pins/{id}", like.base)
        snapshot = replace(like, id=id, pin=directory / "table")
        snapshot.save()
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    return snapshot
