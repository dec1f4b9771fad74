"""Nodes: what the kernel knows by number. A node is a file or directory of the view, whatever its names and its storage.

Nothing here touches a disk. Who owns a node's number, and until when, is in docs/shadowfs-mount.md.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass

from shadowfs.pintable import Row

ROOT = 1
# Numbers from here on are ours; lower files keep their own, which lie below on every file system met so far.
_FIRST_OWN = 1 << 44
NO_NAMES: frozenset[bytes] = frozenset()


@dataclass(slots=True, eq=False)
class Upper:
    """One file that the shadow wrote. Once its shadow forked, its epoch is past: both sides read it, nobody writes it.

    `lent`: the owner reads it for a checkpoint, so it is not written meanwhile; `dropped`: it goes when that is over.
    """

    path: bytes
    epoch: int
    lent: bool = False
    dropped: bool = False


class Node:
    """One file, directory, link or special file of the view.

    Content comes from the first of `upper`, `row` (a pinned file), `live` (a path below the ignored roots), `text`.
    `pin` is its path in the pin table, `live` its path below the ignored roots; neither: made in the shadow. `seen` is what
    the live file's stat said last, `opened` at its last opening; `fd` is open while `opens`, `guarded` where it is a user's
    file whose stat must go on matching `row`. `gone` are names that the live layer has and this directory has not, `roots`
    those that it takes from there. `own`: the attributes are the shadow's and never read again from the user's file. `touched`: it, or something below it,
    differs from what the shadow was made from.
    """

    __slots__ = (
        "atime_ns",
        "counted",
        "ctime_ns",
        "epoch",
        "fd",
        "gid",
        "gone",
        "guarded",
        "ino",
        "kids",
        "live",
        "lookups",
        "mode",
        "mtime_ns",
        "nlink",
        "opened",
        "opens",
        "own",
        "parent",
        "parents",
        "pin",
        "rdev",
        "reply",
        "roots",
        "row",
        "seen",
        "size",
        "target",
        "text",
        "touched",
        "uid",
        "upper",
    )

    def __init__(self, ino: int, mode: int, uid: int, gid: int, now_ns: int) -> None:
        self.ino = ino
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.nlink = 2 if stat.S_ISDIR(mode) else 1
        self.size = 0
        self.rdev = 0
        self.atime_ns = self.mtime_ns = self.ctime_ns = now_ns
        self.parent: Node | None = None
        self.parents: list[Node] | None = None
        self.kids: dict[bytes, Node] | None = None
        self.gone: set[bytes] | None = None
        self.roots = NO_NAMES
        self.pin: bytes | None = None
        self.live: bytes | None = None
        self.seen: tuple[int, ...] | None = None
        self.row: Row | None = None
        self.upper: Upper | None = None
        self.text: bytes | None = None
        self.target: bytes | None = None
        self.own = True
        self.touched = False
        self.counted = False
        self.fd = -1
        self.guarded = False
        self.opened: tuple[int, ...] | None = None
        self.opens = 0
        self.lookups = 0
        self.epoch = 0
        # The answer the operations keep ready for the kernel; None whenever an attribute changed.
        self.reply: object = None

    @property
    def is_directory(self) -> bool:
        """Say whether it is a directory."""
        return self.mode & 0o170000 == 0o040000

    @property
    def is_regular(self) -> bool:
        """Say whether it is a regular file."""
        return self.mode & 0o170000 == 0o100000

    def lower(self, name: bytes) -> bytes | None:
        """Return where the live layer would have `name` of this directory, None where that layer does not reach."""
        if self.live is not None:
            if self.gone is not None and name in self.gone:
                return None
            return self.live + b"/" + name
        if name in self.roots and not (self.gone is not None and name in self.gone):
            return self.pin + b"/" + name if self.pin else name
        return None

    def hide(self, name: bytes) -> None:
        """Keep the live layer's `name` out of this directory from now on."""
        if self.live is not None or name in self.roots:
            if self.gone is None:
                self.gone = set()
            self.gone.add(name)

    def touch(self) -> None:
        """Mark it and every directory above one of its names as differing from what the shadow was made from."""
        self.touched = True
        for start in self.directories():
            node: Node | None = start
            while node is not None and not node.touched:
                node.touched = True
                node = node.parent

    def directories(self) -> Iterator[Node]:
        """Yield the directory of each of its names."""
        if self.parent is not None:
            yield self.parent
        if self.parents is not None:
            yield from self.parents

    def attach(self, directory: Node, name: bytes) -> None:
        """Give it a name."""
        assert directory.kids is not None
        directory.kids[name] = self
        if self.parent is None:
            self.parent = directory
        elif self.parents is None:
            self.parents = [directory]
        else:
            self.parents.append(directory)
        if self.touched:
            self.touch()

    def detach(self, directory: Node, name: bytes) -> None:
        """Take a name away."""
        assert directory.kids is not None
        del directory.kids[name]
        if not self.parents:
            self.parent = None
        elif self.parent is directory:
            self.parent = self.parents.pop()
        else:
            self.parents.remove(directory)


class Nodes:
    """Every node by its number, with what the kernel holds of it."""

    def __init__(self) -> None:
        self.by_ino: dict[int, Node] = {}
        self.epoch = 0
        self.open: set[Node] = set()
        self.orphans: set[Node] = set()
        self._next = _FIRST_OWN

    def __len__(self) -> int:
        return len(self.by_ino)

    def number(self, wanted: int = 0) -> int:
        """Return a free number: the wanted one (a lower file's) where possible, else one of ours."""
        if 1 < wanted < _FIRST_OWN and wanted not in self.by_ino:
            return wanted
        self._next += 1
        return self._next

    def looked_up(self, node: Node) -> None:
        """Count one more lookup by the kernel."""
        if node.epoch != self.epoch:
            # The counts are of the kernel's mount before the fork: this mount starts at zero.
            node.epoch = self.epoch
            node.lookups = 0
        node.lookups += 1

    def forget(self, node: Node, count: int) -> bool:
        """Take lookups back; say whether the kernel holds nothing of it any more."""
        if node.epoch == self.epoch:
            node.lookups -= count
        return node.lookups <= 0 and node.opens == 0

    def held(self, node: Node) -> bool:
        """Say whether the kernel holds it: by a lookup or an open file."""
        return node.opens > 0 or (node.epoch == self.epoch and node.lookups > 0)

    def fork(self) -> list[Node]:
        """Start over as the other side of a fork: no lookups, nothing open. Return what was open before."""
        self.epoch += 1
        before = list(self.open)
        for node in before:
            node.opens = 0
        for node in self.orphans:
            del self.by_ino[node.ino]
        self.open = set()
        self.orphans = set()
        return before
