"""Pin a working tree as it is, uncommitted and untracked files included, without writing anything to its repository."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from shadowfs import git, layer, worktree
from shadowfs.borrow import LATEST, Commit, borrow, borrow_tree
from shadowfs.depot import Depot
from shadowfs.errors import NotPinnable
from shadowfs.evicting import use
from shadowfs.gitdir import neutral_config
from shadowfs.index import GITLINK, Index, copy_index, read_index
from shadowfs.listing import Listing, listed
from shadowfs.pintable import PinTable, by_directory
from shadowfs.scan import Scan, Scanner
from shadowfs.secrets import hiding
from shadowfs.snapshot import Omission, Snapshot
from shadowfs.space import needing_space
from shadowfs.told import told
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
    with needing_space(state), ExitStack() as undo:
        directory.mkdir(parents=True, mode=0o700)
        undo.callback(shutil.rmtree, directory, ignore_errors=True)
        snapshot = _Pinning(tree, state, directory, large_bytes, tuple(secret_patterns)).run(id)
        undo.pop_all()
        return snapshot


@dataclass(frozen=True, slots=True)
class _Pinning:
    tree: WorkTree
    state: Path
    directory: Path
    large_bytes: int
    secret_patterns: tuple[str, ...]

    def run(self, id: str) -> Snapshot:
        depot = Depot.open(self.state, self.tree.root, self.tree.object_format)
        use(depot.path)
        index = copy_index(self.tree, self.directory / "scratch")
        self._take_rules(index)
        scan, ignored, head = self._scan(depot, index)
        self._keep_index(index, scan)
        pinned = self._write_tree(depot, index, scan)
        base = self._keep(depot, pinned, head, id)
        table = PinTable(by_directory(scan.rows), tuple(ignored), os.fsencode(self.tree.root), self.secret_patterns)
        table.save(self.directory / "table")
        self._remember(depot)
        shutil.rmtree(index.git_dir)
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
            secret_patterns=self.secret_patterns,
        )
        snapshot.save()
        return snapshot

    def _take_rules(self, index: Index) -> None:
        """Copy the user's ignore and attribute files from outside the tree, and his settings, into files of ours."""
        exclude = _joined(self.tree.exclude_files())
        (self.directory / "exclude").write_bytes(exclude)
        (self.directory / "config").write_text(neutral_config(self.tree.object_format, self.tree.settings))
        (index.git_dir / "info/exclude").write_bytes(exclude)
        (index.git_dir / "info/attributes").write_bytes(_joined(self.tree.attribute_files()))

    def _scan(self, depot: Depot, index: Index) -> tuple[Scan, list[bytes], Commit]:
        """Look at all files; return what was found, the roots of the live layer, and the head, which is in the depot then."""
        hidden = hiding(self.secret_patterns)
        scanner = Scanner(
            self.tree, index, depot, _previous(depot, self.secret_patterns), hidden, time.time_ns(), self.large_bytes
        )
        with ThreadPoolExecutor(3) as pool:
            head = pool.submit(borrow, depot, self.tree)
            listing = pool.submit(self._listed, depot, index, pool)
            scanner.look_at_tracked(read_index(index, self.tree.root, depot.path))
            live = scanner.look_at_untracked(listing.result().untracked)
            scan = scanner.resolve()
        scan.omitted += [(path, "submodule") for path in scan.submodules]
        for path in listing.result().ignored:
            if hidden(path, False) and not (self.tree.root / os.fsdecode(path)).is_dir():
                scan.omitted.append((path, "secret"))
            else:
                live.append(path)
        return scan, sorted({*live, *scan.submodules}), head.result()

    def _listed(self, depot: Depot, index: Index, pool: ThreadPoolExecutor) -> Listing:
        """Return what git does not track: its two answers are asked for at once."""

        def ask() -> Listing:
            ignored = pool.submit(layer.list_ignored, index.git_dir, self.tree.root)
            untracked = layer.list_untracked(index.git_dir, self.tree.root)
            return Listing(tuple(untracked), tuple(ignored.result()))

        rules = [(self.directory / name).read_bytes() for name in ("exclude", "config")]
        return listed(depot.path, self.tree.root, repr((*rules, index.digest)).encode(), ask)

    def _keep_index(self, index: Index, scan: Scan) -> None:
        """Keep the user's index for the shadows, with the stat that lets git trust what the pin found unchanged."""
        if not index.file.exists():
            git.run(["read-tree", "--empty"], git_dir=index.git_dir)
        if any(index.git_dir.glob("sharedindex.*")):
            args = ["update-index", "--no-split-index", "--force-write-index"]
            git.run(args, git_dir=index.git_dir, work_tree=self.tree.root)
        kept = self.directory / "index"
        shutil.copyfile(index.file, kept)
        # The copy is younger than the original, so git would no longer look for itself into files as young as that one:
        # where they differ from their entry, the entry's stat goes.
        changed = [entry for entry in scan.differing if (row := scan.rows.get(entry.path)) and row[1] != entry.blob]
        _put(index, kept, [(entry.mode, entry.blob, entry.path) for entry in changed if not entry.stat(index.mtime_ns)])
        if scan.secrets:
            args = ["update-index", "-z", "--skip-worktree", "--stdin"]
            paths = b"\0".join(scan.secrets)
            git.run(args, git_dir=index.git_dir, work_tree=self.tree.root, index=kept, input=paths)

    def _write_tree(self, depot: Depot, index: Index, scan: Scan) -> str:
        """Return the tree of what was found, written to the depot where it lacks it."""
        gone, put = [], []
        for entry in scan.differing:
            row = scan.rows.get(entry.path)
            if row is None and entry.mode != GITLINK:
                gone.append((0, "0" * len(entry.blob), entry.path))
            # A flagged entry may be one that is only to be added, which has no place in a tree until it is put there.
            elif row is not None and (row[0] != entry.mode or row[1] != entry.blob or entry.flags):
                put.append((row[0], row[1], entry.path))
        put += [(scan.rows[path][0], scan.rows[path][1], path) for path in scan.added if path in scan.rows]

        def write() -> bytes:
            # In the depot, which does not see the user's objects: one that git finds where it would write gets a new time.
            return git.run(["write-tree", "--missing-ok"], git_dir=depot.path, index=index.file)

        if not gone and not put:
            tree = told(depot.path, "tree", index.digest, write).decode().strip()
            return tree if depot.has(tree) else write().decode().strip()
        # What is gone first: a file may stand where a directory was.
        _put(index, index.file, gone + put)
        return write().decode().strip()

    def _keep(self, depot: Depot, pinned: str, head: Commit, id: str) -> str:
        """Bring what the pin reaches into the depot and keep it; return the commit whose tree is the pinned one."""
        if head.tree != pinned:
            borrow_tree(depot, self.tree, pinned, head)
        base = commit_of(depot, pinned, head, self.tree.branch)
        depot.keep(f"pins/{id}", base)
        if depot.kept(LATEST) != base:
            depot.keep(LATEST, base)
        return base

    def _remember(self, depot: Depot) -> None:
        """Leave the table for the next pin, which believes its live rows by their stat."""
        partial = self.directory / "remembered"
        partial.hardlink_to(self.directory / "table")
        partial.replace(depot.path / "table")


def commit_of(depot: Depot, tree: str, head: Commit, branch: str | None) -> str:
    """Return the commit whose tree is the pinned one: the head, else one of the uncommitted work on top of it."""
    if head.tree == tree:
        return head.id
    place = f"on {branch}" if branch else f"at {head.id[:12]}"
    message = f"nightcrew: uncommitted work {place}\n\nLocal only: never pushed.\n"
    return depot.commit(tree, [head.id], message, datetime.fromtimestamp(head.when_s, UTC))


def _put(index: Index, file: Path, entries: list[tuple[int, str, bytes]]) -> None:
    """Set entries (mode, blob, path) of an index, without a stat; mode 0 removes."""
    if entries:
        lines = b"".join(b"%o %s\t%s\0" % (mode, blob.encode(), path) for mode, blob, path in entries)
        git.run(["update-index", "-z", "--index-info"], git_dir=index.git_dir, index=file, input=lines)


def _previous(depot: Depot, secret_patterns: tuple[str, ...]) -> PinTable | None:
    """Return the table of the pin before; None where there is none that the same rules made."""
    try:
        table = PinTable.load(depot.path / "table")
    except (FileNotFoundError, ValueError, EOFError, TypeError):
        return None
    return table if table.secrets == secret_patterns else None


def _joined(files: Iterable[Path]) -> bytes:
    return b"\n".join(file.read_bytes() for file in files if file.is_file())
