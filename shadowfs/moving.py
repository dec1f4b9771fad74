"""Moves a view to a newer pin table, in one step between two requests: what the shadow has no version of its own of comes from there.

The kernel believes names for long, so a move has two halves: from `plan` on nothing that will change lasts, and once the
kernel has forgotten what it is told there, `make` changes the view.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from shadowfs.nodes import NO_NAMES, Node
from shadowfs.pintable import PinTable, Row
from shadowfs.view import View, indexed

Name = tuple[int, bytes]
"""A directory's number and a name in it: what the kernel is told to forget."""


@dataclass(slots=True)
class _File:
    """One path whose row is another one in the new table; None: not in the view."""

    directory: bytes
    name: bytes
    old: Row | None
    new: Row | None

    @property
    def path(self) -> bytes:
        return self.directory + b"/" + self.name if self.directory else self.name

    @property
    def content_differs(self) -> bool:
        return (self.old and self.old[:2]) != (self.new and self.new[:2])


class Move:
    """One move of a view. `taken` are the paths that changed with it, `kept` those whose version is the shadow's own."""

    def __init__(self, view: View, table: PinTable) -> None:
        self.taken: list[str] = []
        self.kept: list[str] = []
        self._view = view
        self._old = view.table
        self._new = _with_known_rows(view.table, table)
        self._files = list(_files(self._old, self._new))
        self._before, self._after = indexed(self._old), indexed(self._new)
        self._planned: set[Name] = set()
        self._altered: set[Name] = set()

    def plan(self) -> set[Name]:
        """Have nothing last that will change; return the names that the kernel is to forget before `make`."""
        for path, names in self._names().items():
            directory, missing = self._reach(path)
            self._view.fleeting.add(directory)
            self._planned |= {(directory.ino, name) for name in ({missing} if missing is not None else names)}
        return self._planned

    def make(self) -> set[Name]:
        """Change the view; return names that the kernel is to forget after all, because the shadow changed since the plan."""
        self._load_moved(self._view.root, b"")
        # All that is looked at is loaded by now, from the table that it was made from.
        reached = {path: self._reach(path) for path in self._names()}
        places = {path: directory for path, (directory, missing) in reached.items() if missing is None}
        files = [file for file in self._files if not self._is_own(file, places.get(file.directory))]
        self._view.swap(self._new)
        for file in files:
            self._remove_file(places.get(file.directory), file.name, file.old)
        self._change_roots(places)
        self._remove_directories(places)
        self._add_directories(places)
        for file in files:
            self._tell(file, taken=file.new is None or self._put(file, file.new))
        self.cancel()
        return self._altered - self._planned

    def cancel(self) -> None:
        """Let things last again."""
        self._view.fleeting.clear()

    def _names(self) -> dict[bytes, set[bytes]]:
        """Return by directory the names that a change of table concerns."""
        names: dict[bytes, set[bytes]] = {}
        for file in self._files:
            names.setdefault(file.directory, set()).add(file.name)
        for before, after in zip(self._before, self._after, strict=True):
            for path in before.keys() | after.keys():
                differing = set(before.get(path, ())) ^ set(after.get(path, ()))
                if differing:
                    names.setdefault(path, set()).update(differing)
        return names

    def _reach(self, path: bytes) -> tuple[Node, bytes | None]:
        """Return the directory at a path, loaded, and None; else the last directory on the way and the name that is not one in it."""
        node = self._view.root
        for name in path.split(b"/") if path else ():
            kid = self._kids(node).get(name)
            if kid is None or not kid.is_directory or _is_live(kid):
                return node, name
            node = kid
        self._kids(node)
        return node, None

    def _kids(self, directory: Node) -> dict[bytes, Node]:
        return self._view.load(directory) if directory.kids is None else directory.kids

    def _is_own(self, file: _File, directory: Node | None) -> bool:
        """Say whether the shadow has a version of its own of a file that the old table has: written, renamed, removed."""
        if file.old is None:
            return False
        kid = None if directory is None else self._kids(directory).get(file.name)
        own = kid is None or kid.row is not file.old or kid.upper is not None or kid.nlink > 1
        own = own or (kid is not None and _executable(kid.mode) != _executable(file.old[0]))
        if own:
            self._tell(file, taken=False)
        return own

    def _tell(self, file: _File, *, taken: bool) -> None:
        if file.content_differs:
            (self.taken if taken else self.kept).append(os.fsdecode(file.path))

    def _load_moved(self, directory: Node, path: bytes) -> None:
        """Load the directories that the shadow moved elsewhere: what they hold is of the old table."""
        for name, kid in list(self._kids(directory).items()):
            if kid.is_directory and kid.live is None:
                below = path + b"/" + name if path else name
                if kid.pin is not None and kid.pin != below:
                    self._load_all(kid)
                elif kid.touched:
                    self._load_moved(kid, below)

    def _load_all(self, directory: Node) -> None:
        for kid in list(self._kids(directory).values()):
            if kid.is_directory and kid.live is None:
                self._load_all(kid)

    def _remove_file(self, directory: Node | None, name: bytes, old: Row | None = None) -> None:
        """Take away a file of the old table, or one of the live layer in a new one's place."""
        node = None if directory is None else self._kids(directory).get(name)
        if directory is None or node is None:
            return
        if _is_live(node):
            if not node.touched:
                self._view.lose(directory, name, node)
        elif old is not None and node.row is old:
            node.detach(directory, name)
            node.nlink = 0
            node.reply = None
            self._view.unnamed(node)
            self._alter(directory, name)

    def _change_roots(self, places: dict[bytes, Node]) -> None:
        for path, directory in places.items():
            if directory.pin != path:
                continue
            roots = self._view.roots(path)
            for name in directory.roots - roots:
                self._remove_file(directory, name)
            directory.roots = roots

    def _remove_directories(self, places: dict[bytes, Node]) -> None:
        """Take away directories that hold nothing any more, the deepest first."""
        before, after = self._before[0], self._after[0]
        for path in sorted(before, key=len, reverse=True):
            for name in set(before[path]) - set(after.get(path, ())):
                directory = places.get(path)
                node = None if directory is None else self._kids(directory).get(name)
                pin = path + b"/" + name if path else name
                if (
                    directory is not None
                    and node is not None
                    and node.pin == pin
                    and node.is_directory
                    and not node.kids
                ):
                    node.detach(directory, name)
                    node.nlink = 0
                    directory.nlink -= 1
                    self._view.unnamed(node)
                    self._alter(directory, name)

    def _add_directories(self, places: dict[bytes, Node]) -> None:
        """Make the new directories in those that are there; what is in a new one is read when somebody asks."""
        before, after = self._before[0], self._after[0]
        for path, directory in places.items():
            if directory.nlink:
                for name in set(after.get(path, ())) - set(before.get(path, ())):
                    if name not in self._kids(directory) and name not in directory.roots:
                        self._make_directory(directory, name, path)

    def _put(self, file: _File, row: Row) -> bool:
        """Put a file of the new table where nothing stands in the way; say whether it is there now."""
        directory = self._ensure(file.directory)
        if directory is None:
            return False
        kid = self._kids(directory).get(file.name)
        if kid is None:
            self._view.pinned(file.path, row).attach(directory, file.name)
            self._alter(directory, file.name)
        return kid is None or kid.row is row

    def _ensure(self, path: bytes) -> Node | None:
        """Return the directory at a path, made again where the shadow removed it; None where something else stands there."""
        directory, missing = self._reach(path)
        while missing is not None:
            if missing in self._kids(directory):
                return None
            made = self._make_directory(directory, missing, self._path_to(path, missing, directory))
            # Only what comes now is in it: the rest is what the shadow removed.
            made.kids = {}
            made.roots = NO_NAMES
            made.nlink = 2
            made.touch()
            directory, missing = self._reach(path)
        return directory

    def _path_to(self, path: bytes, missing: bytes, directory: Node) -> bytes:
        """Return the part of `path` that leads to `directory`, the last one there."""
        at, node = b"", self._view.root
        for name in path.split(b"/"):
            if node is directory and name == missing:
                return at
            node, at = self._kids(node)[name], at + b"/" + name if at else name
        return at

    def _make_directory(self, directory: Node, name: bytes, path: bytes) -> Node:
        made = self._view.directory(self._view.nodes.number(), path + b"/" + name if path else name)
        made.attach(directory, name)
        directory.nlink += 1
        self._alter(directory, name)
        return made

    def _alter(self, directory: Node, name: bytes) -> None:
        directory.mtime_ns = directory.ctime_ns = time.time_ns()
        directory.reply = None
        self._altered.add((directory.ino, name))


def _with_known_rows(old: PinTable, new: PinTable) -> PinTable:
    """Return the new table with the old one's rows wherever they say the same: nodes are known by them."""
    directories = {}
    for path, files in new.directories.items():
        known = old.directories.get(path, {})
        if files == known:
            directories[path] = known
        else:
            directories[path] = {name: _known(known.get(name), row) for name, row in files.items()}
    return replace(new, directories=directories)


def _known(old: Row | None, new: Row) -> Row:
    if old is None or old[8] != new[8]:
        return new
    # A file that was young at the one pin and not at the other is the same file; what no file of the user's stands behind
    # has the time at which its table was made.
    same = old[:7] == new[:7] or (old[:2] == new[:2] and old[5] == new[5] == 0)
    return old if same else new


def _files(old: PinTable, new: PinTable) -> Iterator[_File]:
    """Yield the files whose row is another one."""
    for path in old.directories.keys() | new.directories.keys():
        before, after = old.directories.get(path, {}), new.directories.get(path, {})
        if before is after:
            continue
        for name in before.keys() | after.keys():
            was, now = _seen(before.get(name)), _seen(after.get(name))
            if was is not now:
                yield _File(path, name, was, now)


def _seen(row: Row | None) -> Row | None:
    """Return a row as the view has it: none where the file is absent from it."""
    return None if row is None or row[8] else row


def _is_live(node: Node) -> bool:
    return node.live is not None and not node.own


def _executable(mode: int) -> tuple[int, bool]:
    kind = mode & 0o170000
    return kind, kind == 0o100000 and bool(mode & 0o100)
