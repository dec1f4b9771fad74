"""Git trees with a few files put or removed: reads and writes the directories on the way to them, nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from shadowfs.catfile import CatFile
from shadowfs.change import Entry, RepoPath
from shadowfs.errors import DepotError, RefusedPath

_DIRECTORY = 0o040000
_GITLINK = 0o160000

Write = Callable[[bytes], str]
"""Keeps the text of a tree and returns its id."""


@dataclass(slots=True)
class _Edit:
    """What to do to one directory: files put or removed by name, and edits of directories below it."""

    files: dict[bytes, Entry | None] = field(default_factory=dict)
    below: dict[bytes, _Edit] = field(default_factory=dict)


def graft(objects: CatFile, write: Write, tree: str, files: Mapping[RepoPath, Entry | None]) -> str:
    """Return the id of `tree` with `files` put, or removed where None; what is new is written by `write`."""
    edit = _Edit()
    for path, entry in files.items():
        _note(edit, path, entry)
    if not files:
        return tree
    return _apply(objects, write, tree, edit) or write(b"")


def read_tree(objects: CatFile, tree: str) -> dict[bytes, Entry]:
    """Return the entries of one directory by name (mode 0o040000 for a directory below it)."""
    kind, data = objects.read(tree)
    if kind == "commit":
        return read_tree(objects, data[5 : data.index(b"\n")].decode())
    if kind != "tree":
        raise DepotError(f"{tree} is a {kind}, not a tree")
    found = {}
    start, width = 0, len(tree) // 2
    while start < len(data):
        end = data.index(b"\0", start)
        mode, _, name = data[start:end].partition(b" ")
        start = end + 1 + width
        found[name] = Entry(int(mode, 8), data[end + 1 : start].hex())
    return found


def differing(
    objects: CatFile, base: str | None, tree: str | None, prefix: bytes = b""
) -> Iterator[tuple[bytes, Entry | None, Entry | None]]:
    """Yield the files that differ between two trees, with what each was and is; reads the directories that differ, nothing else."""
    if base == tree:
        return
    old, new = (dict(read_tree(objects, each)) if each else {} for each in (base, tree))
    for name in old.keys() | new.keys():
        was, now = _canonical(old.get(name)), _canonical(new.get(name))
        before, after = (None if each is None or each.mode == _DIRECTORY else each for each in (was, now))
        if before != after:
            yield prefix + name, before, after
        above, below = (each.blob if each is not None and each.mode == _DIRECTORY else None for each in (was, now))
        yield from differing(objects, above, below, prefix + name + b"/")


def fresh(objects: CatFile, base: str | None, tree: str) -> Iterator[str]:
    """Yield the trees and blobs that `tree` has where `base` has others, or nothing."""
    if base == tree:
        return
    yield tree
    old = read_tree(objects, base) if base else {}
    for name, entry in read_tree(objects, tree).items():
        before = old.get(name)
        if entry.mode == _DIRECTORY:
            below = before.blob if before is not None and before.mode == _DIRECTORY else None
            yield from fresh(objects, below, entry.blob)
        elif entry.mode != _GITLINK and (before is None or before.blob != entry.blob):
            yield entry.blob


def _canonical(entry: Entry | None) -> Entry | None:
    """Return an entry with the mode as git tells it: old trees have others."""
    if entry is None or entry.mode & 0o170000 != 0o100000:
        return entry
    return Entry(0o100755 if entry.mode & 0o100 else 0o100644, entry.blob)


def _note(edit: _Edit, path: RepoPath, entry: Entry | None) -> None:
    *parents, name = os.fsencode(path).split(b"/")
    if any(part in (b"", b".", b"..") or b"\0" in part for part in (*parents, name)):
        raise RefusedPath(f"path {path!r} cannot be in a tree: name a file relative to the repository")
    for parent in parents:
        edit = edit.below.setdefault(parent, _Edit())
    edit.files[name] = entry


def _apply(objects: CatFile, write: Write, tree: str | None, edit: _Edit) -> str | None:
    """Return the edited directory's id, None when nothing is left in it."""
    names = dict(read_tree(objects, tree)) if tree else {}
    for name, entry in edit.files.items():
        if entry is None:
            # A removed file may have become a directory, whose edit follows: only a file goes.
            if name in names and names[name].mode != _DIRECTORY:
                del names[name]
        else:
            names[name] = entry
    for name, below in edit.below.items():
        old = names.get(name)
        new = _apply(objects, write, old.blob if old and old.mode == _DIRECTORY else None, below)
        if new is not None:
            names[name] = Entry(_DIRECTORY, new)
        elif old is not None and old.mode == _DIRECTORY:
            del names[name]
    return write(_text(names)) if names else None


def _text(names: Mapping[bytes, Entry]) -> bytes:
    """Return the text of a tree: a directory stands where it would with a slash after its name."""
    ordered = sorted(names.items(), key=lambda each: each[0] + b"/" if each[1].mode == _DIRECTORY else each[0])
    return b"".join(b"%o %s\0%s" % (entry.mode, name, bytes.fromhex(entry.blob)) for name, entry in ordered)
