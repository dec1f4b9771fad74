"""Differences: which files of a view differ from the pin table it was made from, found along touched directories only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from shadowfs.nodes import Node
from shadowfs.view import View


@dataclass(frozen=True, slots=True)
class Difference:
    """One path that differs. A file's content is the blob, the link's target, or the whole of `file` (an absolute path).

    `mode` is git's; None: the path is gone. `stamp` changes whenever the content of `file` does. `pinned`: the tree that
    the view was made from has a file there, perhaps one that the view has not.
    """

    path: str
    mode: int | None = None
    blob: str | None = None
    target: str | None = None
    file: str | None = None
    stamp: int = 0
    pinned: bool = True


class Differences:
    """Lists what differs, and lends the owner the files that it names. Special files and what still lies in the live layer's place are left out, as git does."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._pinned = view.table.directories

    def __iter__(self) -> Iterator[Difference]:
        return self._directory(self._view.root, b"")

    def _directory(self, directory: Node, path: bytes) -> Iterator[Difference]:
        if not directory.touched and directory.pin == path:
            return
        prefix = path + b"/" if path else b""
        kids = self._kids(directory)
        rows = self._pinned.get(path, {})
        for name, row in rows.items():
            kid = kids.get(name)
            if not row[8] and (kid is None or _git_mode(kid) is None):
                yield Difference(os.fsdecode(prefix + name))
        for below in self._view.below(path):
            kid = kids.get(below)
            if kid is None or not kid.is_directory:
                yield from self._all_gone(prefix + below)
        for name, kid in kids.items():
            if kid is self._view.gitfile or (kid.live == prefix + name and name in directory.roots):
                continue
            if kid.is_directory:
                yield from self._directory(kid, prefix + name)
                continue
            mode = _git_mode(kid)
            pinned = rows.get(name)
            if pinned is not None and pinned[8] and self._view.hidden(prefix + name, True):
                # A tracked secret: the change leaves it as it is.
                continue
            if mode is None or (pinned is not None and kid.row is pinned and kid.upper is None and mode == pinned[0]):
                continue
            yield replace(self._file(kid, prefix + name, mode), pinned=pinned is not None)

    def _kids(self, directory: Node) -> dict[bytes, Node]:
        """Return the directory's nodes; one of the live layer that was moved into the tree is listed as it is now."""
        if directory.kids is None:
            return self._view.load(directory)
        if directory.live is None:
            return directory.kids
        return {name: node for name, node, _ in self._view.entries(directory)}

    def _file(self, node: Node, path: bytes, mode: int) -> Difference:
        name = os.fsdecode(path)
        if node.target is not None:
            return Difference(name, mode, target=os.fsdecode(node.target))
        if node.upper is not None:
            self._view.uppers.lend(node.upper)
            return Difference(name, mode, file=os.fsdecode(node.upper.path), stamp=node.ctime_ns)
        if node.row is not None:
            return Difference(name, mode, blob=node.row[1])
        if node.text is not None or node.live is None:
            return Difference(name)
        if mode == 0o120000:
            return Difference(name, mode, target=os.fsdecode(self._view.lower.read_link(node.live)))
        file = os.path.join(self._view.table.repository, node.live)  # noqa: PTH118 - bytes
        return Difference(name, mode, file=os.fsdecode(file), stamp=node.ctime_ns)

    def _all_gone(self, path: bytes) -> Iterator[Difference]:
        for name, row in self._pinned.get(path, {}).items():
            if not row[8]:
                yield Difference(os.fsdecode(path + b"/" + name))
        for below in self._view.below(path):
            yield from self._all_gone(path + b"/" + below)


def _git_mode(node: Node) -> int | None:
    """Return the mode that git keeps of a file, None for what it does not keep."""
    kind = node.mode & 0o170000
    if kind == 0o120000:
        return 0o120000
    if kind != 0o100000:
        return None
    return 0o100755 if node.mode & 0o100 else 0o100644
