"""Pin a working tree as it is, uncommitted and untracked files included, without writing anything to its repository."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from shadowfs import git, layer, worktree
from shadowfs.borrow import borrow
from shadowfs.depot import Depot
from shadowfs.errors import NotPinnable
from shadowfs.gitdir import neutral_config
from shadowfs.index import Index, copy_index
from shadowfs.pintable import PinTable, Row
from shadowfs.scan import Scan, Scanner
from shadowfs.secrets import hiding
from shadowfs.snapshot import Omission, Snapshot
from shadowfs.space import needing_space
from shadowfs.worktree import WorkTree

LARGE_BYTES = 50 << 20


def pin(
    repository: Path,
    state: Path,
    *,
    large_bytes: int = LARGE_BYTES,
    secret_patterns: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Snapshot:
    """Return a snapshot of the working tree that `repository` lies in, kept below `state`.

    Untracked files above `large_bytes` stay outside the tree, in the live layer. Files that match `secret_patterns`
    (as `secrets.hiding` takes them) are hidden besides the built-in ones. `environ` says how the user's git would find
    its configuration. Raises `NotPinnable` with what to do, `NoSpace` when the disk is full.
    """
    state = state.absolute()
    tree = worktree.find(repository, environ or {})
    if state.is_relative_to(tree.root):
        raise NotPinnable(f"the state directory {state} lies inside {tree.root}: choose another with --state")
    id = secrets.token_hex(8)
    directory = state / "pins" / id
    with needing_space(state):
        directory.mkdir(parents=True, mode=0o700)
        try:
            return _Pinning(tree, state, directory, large_bytes, tuple(secret_patterns)).run(id)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise


@dataclass(frozen=True, slots=True)
class _Pinning:
    tree: WorkTree
    state: Path
    directory: Path
    large_bytes: int
    secret_patterns: tuple[str, ...]

    def run(self, id: str) -> Snapshot:
        depot = Depot.open(self.state, self.tree.root, self.tree.object_format)
        scratch = self.directory / "scratch"
        index = copy_index(self.tree, depot.objects, scratch)
        self._take_rules(scratch)
        (self.directory / "config").write_text(neutral_config(self.tree.object_format, self.tree.settings))
        scan, ignored = self._scan(depot, index)
        self._shadow_index(index, scan)
        pinned = self._write_tree(depot, index, scan)
        base = self._keep(depot, pinned, id)
        table = PinTable(_by_directory(scan), tuple(ignored), os.fsencode(self.tree.root), self.secret_patterns)
        table.save(self.directory / "table")
        self._remember(depot)
        shutil.rmtree(scratch)
        roots = tuple(map(os.fsdecode, ignored))
        snapshot = Snapshot(
            id=id,
            repository=self.tree.root,
            depot=depot,
            tree=pinned,
            head=self.tree.head,
            branch=self.tree.branch,
            base=base,
            pin=self.directory / "table",
            ignored=roots,
            fingerprint=layer.fingerprint(self.tree.root, roots),
            omitted=tuple(Omission(os.fsdecode(path), why) for path, why in sorted(scan.omitted)),
        )
        snapshot.save()
        return snapshot

    def _take_rules(self, scratch: Path) -> None:
        """Copy the user's ignore and attribute files from outside the tree into git directories of ours."""
        exclude = _joined(self.tree.exclude_files())
        (self.directory / "exclude").write_bytes(exclude)
        (scratch / "info/exclude").write_bytes(exclude)
        (scratch / "info/attributes").write_bytes(_joined(self.tree.attribute_files()))

    def _scan(self, depot: Depot, index: Index) -> tuple[Scan, list[bytes]]:
        """Look at all files; return what was found and the roots of the live layer."""
        hidden = hiding(self.secret_patterns)
        scanner = Scanner(
            tree=self.tree,
            index=index,
            depot=depot,
            previous=_previous(depot),
            hidden=hidden,
            start_ns=time.time_ns(),
            large_bytes=self.large_bytes,
        )
        with ThreadPoolExecutor(2) as pool:
            untracked = pool.submit(layer.list_untracked, index.git_dir, self.tree.root)
            ignored = pool.submit(layer.list_ignored, index.git_dir, self.tree.root)
            scanner.look_at_tracked()
            live = scanner.look_at_untracked(untracked.result())
        scan = scanner.resolve()
        scan.omitted += [(path, "submodule") for path in scan.submodules]
        for path in ignored.result():
            if hidden(path, False) and not (self.tree.root / os.fsdecode(path)).is_dir():
                scan.omitted.append((path, "secret"))
            else:
                live.append(path)
        return scan, sorted({*live, *scan.submodules})

    def _shadow_index(self, index: Index, scan: Scan) -> None:
        """Keep the user's index for the shadows, with the stat that makes git trust what the pin found unchanged."""
        if not index.file.exists():
            git.run(["read-tree", "--empty"], git_dir=index.git_dir)
        if any(index.git_dir.glob("sharedindex.*")):
            args = ["update-index", "--no-split-index", "--force-write-index"]
            git.run(args, git_dir=index.git_dir, work_tree=self.tree.root)
        kept = self.directory / "index"
        shutil.copyfile(index.file, kept)
        # The copy is younger than the original, so git would no longer look for itself into files as young as that one:
        # where they differ from their entry, the entry's stat goes.
        doubtful = [
            b"%o %s\t%s" % (entry.mode, entry.blob.encode(), entry.path)
            for entry in index.entries
            if entry.stat is None and entry.path in scan.rows and scan.rows[entry.path][1] != entry.blob
        ]
        self._update(index, kept, doubtful)
        secret = [path for path, why in scan.omitted if why == "secret"]
        tracked = {entry.path for entry in index.entries}
        hidden = [path for path in secret if path in tracked]
        if hidden:
            args = ["update-index", "-z", "--skip-worktree", "--stdin"]
            git.run(args, git_dir=index.git_dir, work_tree=self.tree.root, index=kept, input=b"\0".join(hidden))

    def _update(self, index: Index, file: Path, lines: list[bytes]) -> None:
        if lines:
            args = ["update-index", "-z", "--index-info"]
            git.run(args, git_dir=index.git_dir, index=file, input=b"\0".join([*lines, b""]))

    def _write_tree(self, depot: Depot, index: Index, scan: Scan) -> str:
        """Return the tree of what was found, written to the depot where it is not the index's own."""
        none = "0" * len(self.tree.head)
        before = {entry.path: entry for entry in index.entries}
        gone = [path for path, entry in before.items() if entry.mode != 0o160000 and path not in scan.rows]
        lines = [b"0 %s\t%s" % (none.encode(), path) for path in gone]
        for path, row in scan.rows.items():
            entry = before.get(path)
            if entry is None or entry.mode != row[0] or entry.blob != row[1]:
                lines.append(b"%o %s\t%s" % (row[0], row[1].encode(), path))
        # An entry that is only intended has no place in a tree unless it is put there.
        self._update(index, index.file, lines)
        out = git.run(["write-tree", "--missing-ok"], git_dir=index.git_dir, objects=depot.objects)
        return out.decode().strip()

    def _keep(self, depot: Depot, pinned: str, id: str) -> str:
        """Bring what the pin reaches into the depot and keep it; return the commit whose tree is the pinned one."""
        commit = borrow(depot, self.tree, pinned)
        base = self.tree.head
        if commit.tree != pinned:
            place = f"on {self.tree.branch}" if self.tree.branch else f"at {self.tree.head[:12]}"
            message = f"nightcrew: uncommitted work {place}\n\nLocal only: never pushed.\n"
            base = depot.commit(pinned, [self.tree.head], message, datetime.fromtimestamp(commit.when_s, UTC))
        depot.keep(f"pins/{id}", base)
        depot.keep("latest", base)
        return base

    def _remember(self, depot: Depot) -> None:
        """Leave the table for the next pin, which believes its live rows by their stat."""
        partial = depot.path / f"table.{os.getpid()}"
        partial.unlink(missing_ok=True)
        partial.hardlink_to(self.directory / "table")
        partial.replace(depot.path / "table")


def _previous(depot: Depot) -> PinTable | None:
    try:
        return PinTable.load(depot.path / "table")
    except (FileNotFoundError, ValueError, EOFError, TypeError):
        # None yet, or another version's: everything is looked at.
        return None


def _by_directory(scan: Scan) -> dict[bytes, dict[bytes, Row]]:
    directories: dict[bytes, dict[bytes, Row]] = {b"": {}}
    for path, row in scan.rows.items():
        directory, _, name = path.rpartition(b"/")
        files = directories.get(directory)
        if files is None:
            files = directories[directory] = {}
            while directory:
                directory = directory.rpartition(b"/")[0]
                directories.setdefault(directory, {})
        files[name] = row
    return directories


def _joined(files: Iterable[Path]) -> bytes:
    return b"\n".join(file.read_bytes() for file in files if file.is_file())
