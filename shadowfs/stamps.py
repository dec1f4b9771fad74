"""What a shadow's directory held when it was last looked at, by stat, so that only what moved since is read again."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from shadowfs.beneath import open_beneath, remove_beneath, replace_beneath, target_beneath
from shadowfs.change import Entry, RepoPath
from shadowfs.depot import Depot
from shadowfs.errors import DepotError, RefusedPath
from shadowfs.ignore import ignored_paths
from shadowfs.names import is_git
from shadowfs.pintable import PinTable
from shadowfs.secrets import hiding
from shadowfs.shadow import Moved
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

    def move(self, root: int, snapshot: Snapshot, table: PinTable) -> Moved:
        """Bring the files below the open directory `root`, those that differ from the base apart, to those of another table."""
        own = self.look()[1].keys()
        after = {os.fsdecode(path): file.entry for path, file in table if not file.absent}
        taken: list[RepoPath] = []
        kept: list[RepoPath] = []
        changed = sorted(path for path in self.base.keys() | after.keys() if self.base.get(path) != after.get(path))
        # What goes makes room for what comes.
        for path in sorted(changed, key=lambda path: path in after):
            free = path in self.base or _lstat(self.root / path) is None
            moved = path not in own and free and self._bring(root, path, after.get(path), snapshot)
            (taken if moved else kept).append(path)
        hidden = hiding(table.secrets)
        absent = ((path, file) for path, file in table if file.absent)
        self.outside = {os.fsdecode(path): None if hidden(path, True) else file.entry for path, file in absent}
        self.snapshot, self.base = snapshot, after
        return Moved(tuple(sorted(taken)), tuple(sorted(kept)))

    def _bring(self, root: int, path: RepoPath, entry: Entry | None, snapshot: Snapshot) -> bool:
        if entry is None:
            remove_beneath(root, path)
            self.seen.pop(path, None)
            return True
        if not replace_beneath(root, path, snapshot.depot.read(entry.blob), entry.mode):
            return False
        # Who writes it from here on is noticed: it has not been seen yet.
        self.seen.pop(path, None)
        return True

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
        for path in self._read({path: status for path, status in found.items() if not self._is_as_seen(path, status)}):
            del found[path]
        delta: dict[RepoPath, Entry | None] = dict.fromkeys(self.base.keys() - found.keys())
        for path in found:
            entry = self.seen[path][1]
            if entry != self.base.get(path, self.outside.get(path)):
                delta[path] = entry
        return set(found), delta

    def _is_as_seen(self, path: RepoPath, status: os.stat_result) -> bool:
        known = self.seen.get(path)
        return known is not None and known[0] == _stamp(status)

    def _read(self, files: dict[RepoPath, os.stat_result]) -> set[RepoPath]:
        """Keep what the files hold in the depot; return those that went, or became something else, meanwhile."""
        youngest_ns = time.time_ns() - _TICK_NS
        blobs = _write(self.snapshot.depot, self.root, files)
        for path, blob in blobs.items():
            status = files[path]
            # A file this young may change again without its times changing: it is read again next time.
            stamp = _stamp(status) if status.st_ctime_ns < youngest_ns else _NEVER
            self.seen[path] = (stamp, Entry(_mode(status), blob))
        return files.keys() - blobs.keys()

    def _files(self) -> Iterator[tuple[RepoPath, os.stat_result]]:
        ignored = frozenset(self.snapshot.ignored)
        pending = [""]
        while pending:
            directory = pending.pop()
            try:
                with os.scandir(self.root / directory) as listing:
                    entries = list(listing)
            except (FileNotFoundError, NotADirectoryError):
                continue
            for entry in entries:
                path = f"{directory}/{entry.name}" if directory else entry.name
                if path in ignored or is_git(os.fsencode(entry.name)):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat.S_ISDIR(status.st_mode):
                    pending.append(path)
                elif _is_file(status):
                    yield path, status


_NONE = Entry(0, "")
_NEVER: Stamp = (-1, 0, 0, 0)
_MOVED = (FileNotFoundError, NotADirectoryError, IsADirectoryError, RefusedPath)
# Files open at once while they are read.
_OPENED = 256


def _write(depot: Depot, root: Path, files: dict[RepoPath, os.stat_result]) -> dict[RepoPath, str]:
    """Keep what files and links hold, and return their blobs, without those that are no longer what they were.

    Commands may be running: each is opened beneath the tree, and git reads what was opened, whatever has its name by then.
    """
    links = {path for path, status in files.items() if stat.S_ISLNK(status.st_mode)}
    plain = [path for path in files if path not in links]
    blobs: dict[RepoPath, str] = {}
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for start in range(0, len(plain), _OPENED):
            blobs |= _write_files(depot, directory, plain[start : start + _OPENED])
        for path in links:
            with suppress(*_MOVED):
                blobs[path] = depot.write(os.fsencode(target_beneath(directory, path)))
    finally:
        os.close(directory)
    return blobs


def _write_files(depot: Depot, directory: int, paths: list[RepoPath]) -> dict[RepoPath, str]:
    opened: dict[RepoPath, int] = {}
    try:
        for path in paths:
            with suppress(*_MOVED):
                opened[path] = open_beneath(directory, path, os.O_RDONLY)
        ours = Path(f"/proc/{os.getpid()}/fd")
        return dict(zip(opened, depot.write_files([ours / str(fd) for fd in opened.values()]), strict=True))
    except PermissionError as error:
        raise DepotError(f"{path!r} cannot be read: {error.strerror}") from error
    finally:
        for fd in opened.values():
            os.close(fd)


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
