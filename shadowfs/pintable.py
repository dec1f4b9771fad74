"""The pin table: every pinned path's blob and stat, by directory, in a form that loads in milliseconds."""

from __future__ import annotations

import marshal
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from shadowfs.change import Change, Entry
from shadowfs.secrets import hiding
from shadowfs.told import put

Row = tuple[int, str, int, int, int, int, int, bool, bool]
"""A `PinnedFile` as a plain tuple, in the order of its fields."""

_VERSION = 1
_GITLINK = 0o160000


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """One pinned file: its git mode and blob, and its stat at the pin.

    `live`: it may be served from the user's tree while inode, size, mtime and ctime there still equal these; else always
    from the blob. `absent`: part of the tree, not of the view (sparse checkout, tracked secret). `ino` and `dev` are 0
    where no file of the user's stands behind it.
    """

    mode: int
    blob: str
    size: int
    mtime_ns: int
    ctime_ns: int
    ino: int
    dev: int
    live: bool
    absent: bool

    @property
    def entry(self) -> Entry:
        """Return its entry in the git tree."""
        return Entry(self.mode, self.blob)

    def row(self) -> Row:
        """Return it as the table keeps it."""
        return (
            self.mode,
            self.blob,
            self.size,
            self.mtime_ns,
            self.ctime_ns,
            self.ino,
            self.dev,
            self.live,
            self.absent,
        )


@dataclass(frozen=True, slots=True)
class PinTable:
    """The files of one tree over one snapshot.

    `directories` maps each directory (b"" is the root; every ancestor of a file is a key, and so is an empty directory)
    to its files by name. `ignored` are the roots (files or directories) of the live layer below `repository`, `secrets`
    the configured patterns of names that do not exist in any view, on top of the built-in ones.
    """

    directories: dict[bytes, dict[bytes, Row]]
    ignored: tuple[bytes, ...]
    repository: bytes
    secrets: tuple[str, ...] = ()

    def get(self, path: bytes) -> PinnedFile | None:
        """Return the pinned file at `path`, None where there is none."""
        directory, _, name = path.rpartition(b"/")
        row = self.directories.get(directory, {}).get(name)
        return None if row is None else PinnedFile(*row)

    def __iter__(self) -> Iterator[tuple[bytes, PinnedFile]]:
        for directory, files in self.directories.items():
            prefix = directory + b"/" if directory else b""
            for name, row in files.items():
                yield prefix + name, PinnedFile(*row)

    def __len__(self) -> int:
        return sum(map(len, self.directories.values()))

    def overlay(self, change: Change, now_ns: int) -> PinTable:
        """Return the table of `change.tree` over the same snapshot.

        Changed files come from their blobs alone, with `now_ns` as mtime and ctime, so that byte code of the old content
        never matches.
        """
        hidden = hiding(self.secrets)
        rows: dict[bytes, Row | None] = {}
        for file in change.files:
            path = os.fsencode(file.path)
            old = self.get(path)
            if file.after is None or file.after.mode == _GITLINK:
                rows[path] = None
            else:
                size = len(change.blobs.read(file.after.blob))
                absent = hidden(path, True) or (old is not None and old.absent)
                rows[path] = (file.after.mode, file.after.blob, size, now_ns, now_ns, 0, 0, False, absent)
        return self.replaced(rows)

    def replaced(self, rows: Mapping[bytes, Row | None]) -> PinTable:
        """Return the table with these rows in place of what it has at their paths; None: no file there."""
        directories = dict(self.directories)
        fresh: set[bytes] = set()
        for path, row in rows.items():
            directory, _, name = path.rpartition(b"/")
            if directory not in fresh:
                fresh.add(directory)
                directories[directory] = dict(directories.get(directory, {}))
            if row is None:
                directories[directory].pop(name, None)
            else:
                directories[directory][name] = row
        _settle(directories, fresh)
        return replace(self, directories=directories)

    def save(self, path: Path) -> None:
        """Write the table to `path`, atomically."""
        put(path, marshal.dumps((_VERSION, self.directories, self.ignored, self.repository, self.secrets)))

    @classmethod
    def load(cls, path: Path) -> PinTable:
        """Read a table that `save` wrote; raise `ValueError` when another version of nightcrew wrote it."""
        version, *fields = marshal.loads(path.read_bytes())
        if version != _VERSION:
            raise ValueError(f"pin table {path} has version {version}, not {_VERSION}: pin the repository again")
        return cls(*fields)


def by_directory(rows: Mapping[bytes, Row]) -> dict[bytes, dict[bytes, Row]]:
    """Return rows by path as a table keeps them."""
    directories: dict[bytes, dict[bytes, Row]] = {b"": {}}
    for path, row in rows.items():
        directory, _, name = path.rpartition(b"/")
        files = directories.get(directory)
        if files is None:
            files = directories[directory] = {}
            while directory:
                directory = directory.rpartition(b"/")[0]
                directories.setdefault(directory, {})
        files[name] = row
    return directories


def _settle(directories: dict[bytes, dict[bytes, Row]], touched: set[bytes]) -> None:
    """Make every ancestor of a touched directory a key, and drop the touched ones that hold nothing any more."""
    for directory in touched:
        while directory:
            directory = directory.rpartition(b"/")[0]
            directories.setdefault(directory, {})
    children = Counter(key.rpartition(b"/")[0] for key in directories if key)
    for directory in sorted(touched, key=len, reverse=True):
        while directory and directory in directories and not directories[directory] and not children[directory]:
            del directories[directory]
            directory = directory.rpartition(b"/")[0]
            children[directory] -= 1
