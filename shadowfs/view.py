"""The view: finds and lists nodes over the pin table and the live layer, and lets go of what the kernel forgot."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable

from shadowfs.lower import Lower
from shadowfs.nodes import ROOT, Node, Nodes
from shadowfs.pintable import PinTable, Row
from shadowfs.secrets import hiding
from shadowfs.upper import Uppers

# Nobody but the kernel's own requests changes these, so the kernel may believe them for as long as it likes.
LASTING_S = 86400.0
# The user's ignored files change underneath: what the kernel may not notice is bounded.
LIVE_S = 1.0

Hidden = Callable[[bytes, bool], bool]
Names = dict[bytes, list[bytes]]
"""Names by the pinned directory that they are in."""


class View:
    """The tree of one shadow. Directories load when they are first asked for."""

    def __init__(
        self,
        table: PinTable,
        lower: Lower,
        uppers: Uppers,
        gitfile: bytes,
        made_ns: int,
        user: tuple[int, int] | None = None,
    ) -> None:
        self.table = table
        self.lower = lower
        self.uppers = uppers
        self.nodes = Nodes()
        self._own = os.getuid(), os.getgid()
        self.uid, self.gid = user or self._own
        self._made_ns = made_ns
        self.hidden: Hidden = hiding(table.secrets)
        self._links: dict[tuple[int, int], Node] = {}
        self._below, self._roots = indexed(table)
        # Directories whose names, and they themselves, are about to change: the kernel keeps nothing of them meanwhile.
        self.fleeting: set[Node] = set()
        self.root = self.directory(ROOT, b"")
        self.gitfile = self._gitfile(gitfile)
        self.load(self.root)
        self.gitfile.attach(self.root, b".git")

    def find(self, directory: Node, name: bytes) -> tuple[Node | None, float]:
        """Return the node of a name, None where there is none, and for how many seconds that answer holds."""
        kids = directory.kids if directory.kids is not None else self.load(directory)
        node = kids.get(name)
        if node is not None and node.own:
            return node, self.lasting_s(directory)
        path = directory.lower(name)
        if path is None or self._unseen(path, name):
            return None, self.lasting_s(directory)
        return self._live(directory, name, path, self.lower.stat(path)), LIVE_S

    def entries(self, directory: Node) -> list[tuple[bytes, Node, float]]:
        """Return what is in a directory: names, nodes, and for how many seconds each holds."""
        kids = directory.kids if directory.kids is not None else self.load(directory)
        if directory.live is None and not directory.roots:
            lasting_s = self.lasting_s(directory)
            return [(name, node, lasting_s) for name, node in kids.items()]
        below = dict(self._scan(directory))
        for name in [name for name, node in kids.items() if not node.own and not node.touched and name not in below]:
            self.lose(directory, name, kids[name])
        for name, found in below.items():
            path = directory.lower(name)
            known = kids.get(name)
            if path is not None and (known is None or not known.own):
                self._live(directory, name, path, found)
        lasting_s = self.lasting_s(directory)
        return [(name, node, lasting_s if node.own else LIVE_S) for name, node in kids.items()]

    def lasting_s(self, node: Node) -> float:
        """Return for how many seconds the kernel may believe what it is told of a directory's names, or of a node."""
        return 0.0 if node in self.fleeting else LASTING_S

    def refresh(self, node: Node) -> float:
        """Bring the attributes of a live node up to date; return for how many seconds they hold."""
        if node.own:
            return self.lasting_s(node)
        assert node.live is not None
        status = os.fstat(node.fd) if node.opens and node.fd >= 0 else self.lower.stat(node.live)
        if status is not None and _same(node, status):
            self._take(node, status)
        return LIVE_S

    def owner(self, uid: int, gid: int) -> tuple[int, int]:
        """Return whose a file is shown as: what is this process's own, the shadow's user has."""
        return self.uid if uid == self._own[0] else uid, self.gid if gid == self._own[1] else gid

    def new(self, mode: int, uid: int, gid: int) -> Node:
        """Make a node of the shadow's own, without a name yet; raise ENOSPC beyond the quota."""
        self.uppers.charge_node()
        node = Node(self.nodes.number(), mode, uid, gid, time.time_ns())
        node.counted = True
        if node.is_directory:
            node.kids = {}
        self.nodes.by_ino[node.ino] = node
        return node

    def forget(self, counts: Iterable[tuple[int, int]]) -> None:
        """Take back lookups that the kernel no longer counts on, and drop what nothing holds."""
        for ino, count in counts:
            node = self.nodes.by_ino.get(ino)
            if node is not None and self.nodes.forget(node, count):
                self.reclaim(node)

    def reclaim(self, node: Node) -> None:
        """Drop a node that the kernel does not hold, if it has no name any more or can be read again."""
        if node.nlink == 0 or (node.parent is None and node is not self.root):
            self._drop(node)
        elif not node.own and not node.touched and not node.kids and not node.parents:
            assert node.live is not None and node.parent is not None and node.parent.kids is not None
            name = node.live.rpartition(b"/")[2]
            if node.parent.kids.get(name) is node:
                self.lose(node.parent, name, node)

    def unnamed(self, node: Node) -> None:
        """Take note that a node lost its last name: it goes once the kernel does not hold it."""
        if self.nodes.held(node):
            self.nodes.orphans.add(node)
        else:
            self._drop(node)

    def opened(self) -> list[bytes]:
        """Return the paths of the open files that the shadow wrote, as far as they have one."""
        paths = (self._path(node) for node in self.nodes.open if node.upper is not None)
        return [path for path in paths if path is not None]

    def fork(self, gitfile: bytes) -> None:
        """Go on as another shadow with a mount of its own: nothing is looked up, nothing open."""
        for node in self.nodes.fork():
            if node.fd >= 0:
                os.close(node.fd)
                node.fd = -1
        self.gitfile.text = gitfile
        self.gitfile.size = len(gitfile)
        self.gitfile.reply = None

    def load(self, directory: Node) -> dict[bytes, Node]:
        """Make the nodes of a pinned directory's files and directories; a live one starts empty."""
        kids: dict[bytes, Node] = {}
        directory.kids = kids
        pin = directory.pin
        if pin is None:
            return kids
        prefix = pin + b"/" if pin else b""
        for name, row in self.table.directories.get(pin, {}).items():
            if not row[8]:
                node = self.pinned(prefix + name, row)
                kids[name] = node
                node.parent = directory
        for name in self.below(pin):
            if name not in kids and name not in directory.roots:
                node = self.directory(self.nodes.number(), prefix + name)
                kids[name] = node
                node.parent = directory
        return kids

    def below(self, pin: bytes) -> list[bytes]:
        """Return the names of the directories in a pinned directory."""
        return self._below.get(pin, [])

    def roots(self, pin: bytes) -> frozenset[bytes]:
        """Return the names that a pinned directory takes from the live layer."""
        return frozenset(self._roots.get(pin, ()))

    def swap(self, table: PinTable) -> None:
        """Take another table for what is not loaded yet; who has loaded nodes brings them in line."""
        self.table = table
        self._below, self._roots = indexed(table)

    def _path(self, node: Node) -> bytes | None:
        names: list[bytes] = []
        while node is not self.root:
            if node.parent is None:
                return None
            names += [name for name, kid in (node.parent.kids or {}).items() if kid is node][:1]
            node = node.parent
        return b"/".join(reversed(names))

    def directory(self, ino: int, pin: bytes) -> Node:
        """Make the node of a pinned directory, without a name yet."""
        node = Node(ino, stat.S_IFDIR | 0o755, self.uid, self.gid, self._made_ns)
        node.pin = pin
        node.roots = self.roots(pin)
        node.nlink = 2 + len(self.below(pin))
        self.nodes.by_ino[ino] = node
        return node

    def pinned(self, path: bytes, row: Row) -> Node:
        """Make the node of a pinned file, without a name yet."""
        mode, _, size, mtime_ns, ctime_ns, ino, device, _, _ = row
        link = stat.S_ISLNK(mode)
        number = self.nodes.number(ino if device == self.lower.device else 0)
        permissions = 0o777 if link else mode & 0o777
        node = Node(number, stat.S_IFMT(mode) | permissions, self.uid, self.gid, mtime_ns)
        node.ctime_ns = ctime_ns
        node.size = size
        node.row = row
        node.pin = path
        self.nodes.by_ino[number] = node
        return node

    def _gitfile(self, text: bytes) -> Node:
        node = Node(self.nodes.number(), stat.S_IFREG | 0o444, self.uid, self.gid, self._made_ns)
        node.text = text
        node.size = len(text)
        self.nodes.by_ino[node.ino] = node
        return node

    def _unseen(self, path: bytes, name: bytes) -> bool:
        return name == b".git" or self.hidden(path, False)

    def _scan(self, directory: Node) -> Iterable[tuple[bytes, os.stat_result]]:
        if directory.live is not None:
            for name, status in self.lower.list(directory.live):
                if not self._unseen(directory.live + b"/" + name, name):
                    yield name, status
            return
        for name in directory.roots:
            path = directory.lower(name)
            found = self.lower.stat(path) if path is not None and not self._unseen(path, name) else None
            if found is not None:
                yield name, found

    def _live(self, directory: Node, name: bytes, path: bytes, status: os.stat_result | None) -> Node | None:
        """Return the node of a live file as it is now: the known one, or another where the user put another."""
        assert directory.kids is not None
        known = directory.kids.get(name)
        if known is not None:
            if status is not None and _same(known, status):
                self._take(known, status)
                return known
            if known.touched:
                # Something below was changed in the shadow: that stays, whatever the user did to the directory.
                return known
            self.lose(directory, name, known)
        if status is None:
            return None
        node = self._linked(status)
        if node is None:
            node = self._new_live(path, status)
        node.attach(directory, name)
        return node

    def _linked(self, status: os.stat_result) -> Node | None:
        """Return the node that another name of the same live file made, unless that number is another file's by now."""
        if status.st_nlink < 2 or not stat.S_ISREG(status.st_mode):
            return None
        node = self._links.get((status.st_dev, status.st_ino))
        if node is None or not node.own:
            return node if node is not None and _same(node, status) else None
        return node if node.seen == _identity(status) else None

    def _new_live(self, path: bytes, status: os.stat_result) -> Node:
        number = self.nodes.number(status.st_ino if status.st_dev == self.lower.device else 0)
        node = Node(number, status.st_mode, 0, 0, 0)
        node.own = False
        node.live = path
        if node.is_directory:
            node.kids = {}
        self._take(node, status)
        self.nodes.by_ino[number] = node
        if status.st_nlink > 1 and node.is_regular:
            self._links[(status.st_dev, status.st_ino)] = node
        return node

    def _take(self, node: Node, status: os.stat_result) -> None:
        identity = _identity(status)
        if node.seen == identity and node.ctime_ns == status.st_ctime_ns and node.nlink == status.st_nlink:
            return
        node.seen = identity
        if node.own:
            return
        # A shadow has no set-user-ID files: what runs in it never changes who it is.
        node.mode = stat.S_IFMT(status.st_mode) | (status.st_mode & 0o1777)
        node.uid, node.gid = self.owner(status.st_uid, status.st_gid)
        node.size = status.st_size
        node.nlink = status.st_nlink
        node.rdev = status.st_rdev
        node.atime_ns = status.st_atime_ns
        node.mtime_ns = status.st_mtime_ns
        node.ctime_ns = status.st_ctime_ns
        node.reply = None

    def lose(self, directory: Node, name: bytes, node: Node) -> None:
        """Take a live node out of its directory; the kernel may hold it on."""
        node.detach(directory, name)
        if node.parent is None:
            node.own = True
            for below, kid in list((node.kids or {}).items()):
                self.lose(node, below, kid)
            self.unnamed(node)

    def _drop(self, node: Node) -> None:
        self.nodes.by_ino.pop(node.ino, None)
        self.nodes.orphans.discard(node)
        if node.upper is not None:
            self.uppers.charge(-node.size)
            self.uppers.remove(node.upper)
            node.upper = None
        if node.counted:
            self.uppers.used_nodes -= 1
        if node.seen is not None and self._links.get((node.seen[0], node.seen[1])) is node:
            del self._links[node.seen[0], node.seen[1]]


def indexed(table: PinTable) -> tuple[Names, Names]:
    """Return which directories, and which roots of the live layer, lie in each pinned directory."""
    below: Names = {}
    within: Names = {}
    known = set(table.directories)
    roots = [path.rpartition(b"/") for path in table.ignored]
    for directory in [*known, *(parent for parent, _, _ in roots)]:
        known.add(directory)
        while directory:
            directory = directory.rpartition(b"/")[0]
            known.add(directory)
    for directory in known - {b""}:
        parent, _, name = directory.rpartition(b"/")
        below.setdefault(parent, []).append(name)
    for parent, _, name in roots:
        if name not in table.directories.get(parent, {}):
            within.setdefault(parent, []).append(name)
    return below, within


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _same(node: Node, status: os.stat_result) -> bool:
    """Say whether a live node still is the file that this stat is of."""
    return (
        node.seen is not None
        and node.seen[0] == status.st_dev
        and node.seen[1] == status.st_ino
        and stat.S_IFMT(node.mode) == stat.S_IFMT(status.st_mode)
    )
