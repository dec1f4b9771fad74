"""Look at every file of a working tree once: take the index's word where its stat proves it, else hash the raw bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from shadowfs import git
from shadowfs.depot import Depot
from shadowfs.errors import DepotError, NotPinnable
from shadowfs.index import GITLINK, Index, Stat, Tracked, same
from shadowfs.pintable import PinTable, Row
from shadowfs.worktree import WorkTree

# Clocks of file systems tick: a file this young may still change without its times changing.
_TICK_NS = 100_000_000
_COARSE_TICK_NS = 2_000_000_000
_ROUNDS = 3
_FILTERING = (b"filter", b"ident", b"working-tree-encoding")


@dataclass(slots=True)
class Scan:
    """What was found: rows by path, and what is left out (path, why).

    `differing` are the entries of the index whose row may differ from them or is missing, `added` the paths of rows that
    have no entry, `secrets` the tracked files that are hidden.
    """

    rows: dict[bytes, Row] = field(default_factory=dict)
    differing: list[Tracked] = field(default_factory=list)
    added: list[bytes] = field(default_factory=list)
    secrets: list[bytes] = field(default_factory=list)
    submodules: list[bytes] = field(default_factory=list)
    omitted: list[tuple[bytes, str]] = field(default_factory=list)


@dataclass(slots=True)
class Scanner:
    """Scans one working tree for one pin. `start_ns` is the time before the first look."""

    tree: WorkTree
    index: Index
    depot: Depot
    previous: PinTable | None
    hidden: Callable[[bytes, bool], bool]
    start_ns: int
    large_bytes: int
    scan: Scan = field(default_factory=Scan)
    _claimed: list[tuple[Tracked, os.stat_result]] = field(default_factory=list)
    _unknown: dict[bytes, Tracked | None] = field(default_factory=dict)
    _real: dict[bytes, bool] = field(default_factory=dict)

    def look_at_tracked(self, entries: Iterable[Tracked]) -> None:
        """Compare every entry of the index with its file."""
        root = os.fsencode(self.tree.root) + b"/"
        before = {} if self.previous is None else self.previous.directories
        rows, differing = self.scan.rows, self.scan.differing
        directory, files, real = None, None, False
        # Nearly all files are as they were at the pin before: this loop does for them what `_look_at` does for all.
        for entry in entries:
            path = entry.path
            parent, _, name = path.rpartition(b"/")
            if parent != directory:
                directory, files, real = parent, before.get(parent), self._is_real(root, parent)
            row = files.get(name) if files and real else None
            if row and row[7] and self._is_still(row, root + path):
                rows[path] = row
                if entry.blob != row[1] or entry.mode != row[0] or entry.flags:
                    differing.append(entry)
            else:
                differing.append(entry)
                self._look_at(root, entry)

    def look_at_untracked(self, paths: Iterable[bytes]) -> list[bytes]:
        """Look at the files that git does not track; return those that belong to the live layer instead."""
        root = os.fsencode(self.tree.root) + b"/"
        live = []
        for path in paths:
            status = None if path.endswith(b"/") else self._lstat(root, path)
            if path.endswith(b"/"):
                self.scan.omitted.append((path.rstrip(b"/"), "nested repository"))
                live.append(path.rstrip(b"/"))
            elif self.hidden(path, False):
                self.scan.omitted.append((path, "secret"))
            elif status is not None and stat.S_ISREG(status.st_mode) and status.st_size > self.large_bytes:
                self.scan.omitted.append((path, "large"))
                live.append(path)
            elif status is not None:
                self.scan.added.append(path)
                self._sort(path, None, status)
        return live

    def resolve(self) -> Scan:
        """Settle what is not known yet: check the index's claims, and hash the rest."""
        filtered = self._filtered([entry.path for entry, _ in self._claimed])
        sizes = self.depot.sizes([entry.blob for entry, _ in self._claimed], [self.tree.objects])
        for entry, status in self._claimed:
            # Of another size than its blob it was converted on the way in; of a missing blob (a partial clone) only
            # the file itself is at hand.
            if sizes.get(entry.blob) == status.st_size and entry.path not in filtered:
                self.scan.rows[entry.path] = self._row(entry, entry.blob, status)
            else:
                self._unknown[entry.path] = entry
        self._claimed.clear()
        todo = self._unknown
        for attempt in range(_ROUNDS):
            todo = self._hash(todo, last=attempt == _ROUNDS - 1)
        return self.scan

    def _look_at(self, root: bytes, entry: Tracked) -> None:
        if entry.mode == GITLINK:
            self.scan.submodules.append(entry.path)
        elif self.hidden(entry.path, True):
            self._absent(entry)
            self.scan.secrets.append(entry.path)
            self.scan.omitted.append((entry.path, "secret"))
        else:
            status = self._lstat(root, entry.path)
            if status is not None:
                self._sort(entry.path, entry, status)
            elif entry.sparse:
                self._absent(entry)

    def _is_still(self, row: Row, file: bytes) -> bool:
        try:
            status = os.lstat(file)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (
            row[3] == status.st_mtime_ns
            and row[4] == status.st_ctime_ns
            and row[2] == status.st_size
            and row[5] == status.st_ino
            and row[6] == status.st_dev
        )

    def _sort(self, path: bytes, entry: Tracked | None, status: os.stat_result) -> None:
        now: Stat = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
        directory, _, name = path.rpartition(b"/")
        files = None if self.previous is None else self.previous.directories.get(directory)
        row = None if files is None else files.get(name)
        if row and row[7] and row[2:7] == now:
            self.scan.rows[path] = row
        elif not stat.S_ISREG(status.st_mode) and not stat.S_ISLNK(status.st_mode):
            if not stat.S_ISDIR(status.st_mode):
                self.scan.omitted.append((path, "special file"))
        elif entry and self._is_clean(entry, now) and stat.S_IFMT(entry.mode) == stat.S_IFMT(status.st_mode):
            self._claimed.append((entry, status))
        else:
            self._unknown[path] = entry

    def _is_clean(self, entry: Tracked, now: Stat) -> bool:
        kept = entry.stat(self.index.mtime_ns)
        return kept is not None and same(kept, now)

    def _lstat(self, root: bytes, path: bytes) -> os.stat_result | None:
        directory = path.rpartition(b"/")[0]
        real = self._real.get(directory)
        if real is None:
            real = self._is_real(root, directory)
        try:
            return os.lstat(root + path) if real else None
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _is_real(self, root: bytes, directory: bytes) -> bool:
        """Say whether a directory is one, and not reached through a link: what lies behind a link is not the tree's."""
        if directory not in self._real:
            real = not directory or self._is_real(root, directory.rpartition(b"/")[0])
            try:
                real = real and (not directory or stat.S_ISDIR(os.lstat(root + directory).st_mode))
            except (FileNotFoundError, NotADirectoryError):
                real = False
            self._real[directory] = real
        return self._real[directory]

    def _absent(self, entry: Tracked) -> None:
        self.scan.rows[entry.path] = (entry.mode, entry.blob, 0, 0, 0, 0, 0, False, True)

    def _mode(self, entry: Tracked | None, status: os.stat_result) -> int:
        if stat.S_ISLNK(status.st_mode):
            return 0o120000
        if self.tree.settings.get("filemode") == "false" and entry and stat.S_ISREG(entry.mode):
            return entry.mode
        return 0o100755 if status.st_mode & 0o100 else 0o100644

    def _row(self, entry: Tracked | None, blob: str, status: os.stat_result, *, stable: bool = True) -> Row:
        live = stable and is_settled(status, self.start_ns)
        kept = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
        return (self._mode(entry, status), blob, *kept, live, False)

    def _filtered(self, paths: list[bytes]) -> set[bytes]:
        """Return those of the paths whose content git converts in ways that can leave the size as it was."""
        if not paths or not any(map(_may_filter, self._attribute_files())):
            return set()
        args = ["check-attr", "-z", "--stdin", *(name.decode() for name in _FILTERING)]
        asked = b"\0".join(paths)
        fields = git.run(args, git_dir=self.index.git_dir, work_tree=self.tree.root, input=asked).split(b"\0")
        return {
            path
            for path, value in zip(fields[::3], fields[2::3], strict=False)
            if value not in (b"unspecified", b"unset")
        }

    def _attribute_files(self) -> Iterable[Path]:
        yield from self.tree.attribute_files()
        for path in (*self.scan.rows, *self._unknown, *(entry.path for entry, _ in self._claimed)):
            if path.endswith(b".gitattributes"):
                yield self.tree.root / os.fsdecode(path)

    def _hash(self, todo: dict[bytes, Tracked | None], *, last: bool) -> dict[bytes, Tracked | None]:
        """Hash files and keep what they hold; return those that changed meanwhile, unless this is the last try."""
        root = os.fsencode(self.tree.root) + b"/"
        before = {path: status for path in todo if (status := self._lstat(root, path)) is not None}
        blobs = self._write(before)
        again = {}
        for path, blob in blobs.items():
            status = self._lstat(root, path)
            if status == before[path] or (status and last):
                self.scan.rows[path] = self._row(todo[path], blob, status, stable=status == before[path])
            elif status:
                again[path] = todo[path]
        return again

    def _write(self, files: dict[bytes, os.stat_result]) -> dict[bytes, str]:
        """Keep the files' raw bytes, a link's target as its own; what went meanwhile is left out."""
        full = {path: self.tree.root / os.fsdecode(path) for path in files}
        targets = self.index.git_dir / "links"
        targets.mkdir(exist_ok=True)
        for number, (path, status) in enumerate(files.items()):
            if stat.S_ISLNK(status.st_mode):
                target = full[path].readlink()
                full[path] = targets / str(number)
                full[path].write_bytes(os.fsencode(target))
            elif not os.access(full[path], os.R_OK) and full[path].exists():
                raise NotPinnable(f"{full[path]} cannot be read: make it readable, or have git ignore it")
        try:
            blobs = self.depot.write_files(list(full.values()), [self.tree.objects])
            return dict(zip(full, blobs, strict=True))
        except DepotError:
            # One of many went meanwhile: take them one by one.
            return {path: blob for path, file in full.items() if (blob := self._write_one(file)) is not None}

    def _write_one(self, file: Path) -> str | None:
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            if not file.exists() or file.is_symlink():
                return None
            raise
        try:
            return self.depot.write_file(descriptor)
        finally:
            os.close(descriptor)


def is_settled(status: os.stat_result, now_ns: int) -> bool:
    """Say whether a file is so old that it cannot change again without its times changing."""
    tick = _TICK_NS if status.st_ctime_ns % 1_000_000_000 else _COARSE_TICK_NS
    return status.st_ctime_ns < now_ns - tick


def _may_filter(file: Path) -> bool:
    try:
        text = file.read_bytes()
    except OSError:
        return False
    return any(word in text for word in _FILTERING)
