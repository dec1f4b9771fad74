"""Bring what a pin reaches from the user's repository into the depot, so that nothing there can pull it away again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shadowfs import git
from shadowfs.depot import Depot
from shadowfs.told import put
from shadowfs.worktree import WorkTree

LATEST = "latest"
"""The name under which the depot keeps the base of the pin before: all that it reaches is there."""
_LOOSE = 100


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit's tree, parents and the second its committer made it."""

    id: str
    tree: str
    parents: tuple[str, ...]
    when_s: int


def borrow(depot: Depot, source: WorkTree) -> Commit:
    """Copy `source`'s head commit (without its parents) and all that it reaches into the depot, and return it.

    What is missing there, in a partial clone, stays missing; nothing is fetched.
    """
    commit = parse_commit(source.head, _read_commit(depot, source))
    latest = depot.kept(LATEST)
    known = _known(depot, latest) if latest else []
    if commit.id not in {old.id for old in known}:
        copy_objects(depot, source, [commit.tree, *(f"^{old.tree}" for old in known)], [commit.id])
        end_history(depot, [commit])
    return commit


def borrow_tree(depot: Depot, source: WorkTree, tree: str, head: Commit) -> None:
    """Copy what a pinned tree, whose directories are in the depot, has beyond its borrowed `head`."""
    latest = depot.kept(LATEST)
    known = {head.tree, *(old.tree for old in (_known(depot, latest) if latest else []))}
    if tree not in known:
        copy_objects(depot, source, [tree, *(f"^{old}" for old in known)], [])


def deepen(depot: Depot, source: WorkTree, head: str, depth: int) -> None:
    """Bring the newest `depth` commits of `head`'s history, and all they reach, into the depot."""
    shallow = source.common_dir / "shallow"
    with_history = ["--shallow-file", str(shallow) if shallow.exists() else ""]
    args = [*with_history, "rev-list", "--topo-order", f"--max-count={depth}", head]
    ids = git.run(args, git_dir=depot.path, alternates=[source.objects]).decode().split()
    copy_objects(depot, source, ["--no-walk", *ids], [])
    end_history(depot, [parse_commit(id, depot.read_commit(id)) for id in ids])


def _read_commit(depot: Depot, source: WorkTree) -> bytes:
    if depot.has(source.head):
        return depot.read_commit(source.head)
    return git.run(["cat-file", "commit", source.head], git_dir=depot.path, alternates=[source.objects])


def parse_commit(id: str, data: bytes) -> Commit:
    """Return what the text of a commit says."""
    lines = [line.partition(b" ") for line in data.partition(b"\n\n")[0].split(b"\n")]
    values = {name: value for name, _, value in lines}
    parents = tuple(value.decode() for name, _, value in lines if name == b"parent")
    return Commit(id, values[b"tree"].decode(), parents, int(values[b"committer"].rsplit(b" ", 2)[1]))


def _known(depot: Depot, id: str) -> list[Commit]:
    """Return the commit of the pin before, and the one it stands on: all that these reach is there."""
    latest = parse_commit(id, depot.read_commit(id))
    below = [parse_commit(parent, depot.read_commit(parent)) for parent in latest.parents if depot.has(parent)]
    return [latest, *below]


def copy_objects(depot: Depot, source: WorkTree, wanted: list[str], besides: list[str]) -> None:
    """Copy what the objects `wanted` reach (but not what those after a `^` do), and the objects `besides`, into the depot."""
    args = ["rev-list", "--objects", "--no-object-names", "--missing=allow-any", "--stdin"]
    walk = [line for line in wanted if line.startswith("--")]
    asked = "".join(f"{line}\n" for line in wanted if not line.startswith("--")).encode()
    listed = git.run([*args, *walk], git_dir=depot.path, alternates=[source.objects], input=asked)
    ids = listed + "".join(f"{id}\n" for id in besides).encode()
    args = ["pack-objects", "-q", "--window=0", "--delta-base-offset"]
    if ids.count(b"\n") < _LOOSE:
        pack = git.run([*args, "--stdout"], git_dir=depot.path, alternates=[source.objects], input=ids)
        git.run(["unpack-objects", "-q"], git_dir=depot.path, input=pack)
    else:
        git.run([*args, depot.objects / "pack/pack"], git_dir=depot.path, alternates=[source.objects], input=ids)


def end_history(depot: Depot, commits: Iterable[Commit]) -> None:
    """Note which commits have parents that the depot lacks, and no longer those whose parents have come."""
    file = depot.path / "shallow"
    with depot.locked():
        ends = set(file.read_text().split()) if file.exists() else set()
        for commit in commits:
            ends.discard(commit.id)
            if not all(map(depot.has, commit.parents)):
                ends.add(commit.id)
        put(file, "".join(f"{id}\n" for id in sorted(ends)).encode())
