"""What a shadow's directory held when it was last looked at, by stat, so that only what moved since is read again."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from shadowfs.change import Entry, RepoPath
from shadowfs.depot import Depot
from shadowfs.ignore import ignored_paths
from shadowfs.names import is_git
from shadowfs.pintable import PinTable
from shadowfs.secrets import hiding
from shadowfs.snapshot import Snapshot

Stamp = tuple[int, int, int, int]
"""Size, mtime and ctime in ns, inode."""

_TICK_NS = 100_000_000


@dataclass(slots=True)
class Stamps:
    """The files of one tree (`base`) as they lie below `root`, and how they were last seen.

    `outside` are files of the tree that the view does not have: secrets for good (None), those of a sparse checkout until
    somebody makes them (their entry).
    """

    root: Path
    snapshot: Snapshot
    base: dict[RepoPath, Entry]
    outside: dict[RepoPath, Entry | None]
    seen: dict[RepoPath, tuple[Stamp, Entry]] = field(default_factory=dict)

    @classmethod
    def fresh(cls, root: Path, snapshot: Snapshot, table: PinTable) -> Stamps:
        """Return the stamps of files that were just written from `table` and that nobody could touch yet."""
        hidden = hiding(table.secrets)
        made = cls(root, snapshot, {}, {})
        for raw, file in table:
            path = os.fsdecode(raw)
            if file.absent:
                made.outside[path] = None if hidden(raw, True) else file.entry
            else:
                made.base[path] = file.entry
                made.seen[path] = (_stamp((root / path).lstat()), file.entry)
        return made

    def copied(self, root: Path) -> Stamps:
        """Return the stamps of an exact copy of the files at `root`."""
        seen = {}
        for path, (stamp, entry) in self.seen.items():
            here, there = _lstat(self.root / path), _lstat(root / path)
            if here is not None and there is not None and _stamp(here) == stamp:
                seen[path] = (_stamp(there), entry)
        return replace(self, root=root, seen=seen)

    def look(self) -> tuple[set[RepoPath], dict[RepoPath, Entry | None]]:
        """Return the files that belong to the change's universe, and what of them differs from the base (None: deleted)."""
        found = {path: status for path, status in self._files() if self.outside.get(path, _NONE) is not None}
        for path in self.base.keys() - found.keys():
            # Below an ignored directory, where nobody walks, or gone.
            status = _lstat(self.root / path)
            if status is not None and _is_file(status):
                found[path] = status
        new = found.keys() - self.base.keys() - self.outside.keys()
        for path in ignored_paths(self.snapshot, new):
            del found[path]
        self._read({path: status for path, status in found.items() if not self._is_as_seen(path, status)})
        delta: dict[RepoPath, Entry | None] = dict.fromkeys(self.base.keys() - found.keys())
        for path in found:
            entry = self.seen[path][1]
            if entry != self.base.get(path, self.outside.get(path)):
                delta[path] = entry
        return set(found), delta

    def _is_as_seen(self, path: RepoPath, status: os.stat_result) -> bool:
        known = self.seen.get(path)
        return known is not None and known[0] == _stamp(status)

    def _read(self, files: dict[RepoPath, os.stat_result]) -> None:
        """Keep what the files hold in the depot."""
        depot = self.snapshot.depot
        youngest_ns = time.time_ns() - _TICK_NS
        for path, blob in _write(depot, self.root, files).items():
            status = files[path]
            # A file this young may change again without its times changing: it is read again next time.
            stamp = _stamp(status) if status.st_ctime_ns < youngest_ns else _NEVER
            self.seen[path] = (stamp, Entry(_mode(status), blob))

    def _files(self) -> Iterator[tuple[RepoPath, os.stat_result]]:
        ignored = frozenset(self.snapshot.ignored)
        pending = [""]
        while pending:
            directory = pending.pop()
            with os.scandir(self.root / directory) as listing:
                entries = list(listing)
            for entry in entries:
                path = f"{directory}/{entry.name}" if directory else entry.name
                if path in ignored or is_git(os.fsencode(entry.name)):
                    continue
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    pending.append(path)
                elif _is_file(status):
                    yield path, status


_NONE = Entry(0, "")
_NEVER: Stamp = (-1, 0, 0, 0)


def _write(depot: Depot, root: Path, files: dict[RepoPath, os.stat_result]) -> dict[RepoPath, str]:
    links = [path for path, status in files.items() if stat.S_ISLNK(status.st_mode)]
    plain = [path for path in files if path not in set(links)]
    blobs = dict(zip(plain, depot.write_files([root / path for path in plain]), strict=True))
    return blobs | {path: depot.write(os.fsencode((root / path).readlink())) for path in links}


def _stamp(status: os.stat_result) -> Stamp:
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _mode(status: os.stat_result) -> int:
    if stat.S_ISLNK(status.st_mode):
        return 0o120000
    return 0o100755 if status.st_mode & 0o100 else 0o100644


def _is_file(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
