"""Delivery's primitives: bring a commit of the depot into the user's repository, and set one branch to it."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

from shadowfs import git, objects, worktree
from shadowfs.borrow import parse_commit
from shadowfs.change import Change, Entry, RepoPath
from shadowfs.depot import Depot
from shadowfs.errors import DepotError, RefusedPath
from shadowfs.layout import Layout
from shadowfs.names import is_git
from shadowfs.worktree import WorkTree

_FILES = (0o100644, 0o100755)
_LINK = 0o120000
_STEPS = 8
"""How many commits of ours may stand between one and what is checked out."""
# What git takes for a HEAD: a symbolic reference, a commit's id, or a link to a reference.
_HEAD = re.compile(rb"ref:\s*refs/|refs/|[0-9a-f]{40}")


def check_exportable(change: Change) -> None:
    """Raise `RefusedPath` for a change that may not leave the depot.

    Refused: git directories at any depth and under any disguise, bare repositories too, paths out of the tree, submodules
    added or altered (entries as well as `.gitmodules`), what is neither file nor link, links out of the tree or into a git
    directory, and a file with the name of another one's directory.
    """
    after = {file.path: file.after for file in change.files if file.after is not None}
    for path, entry in after.items():
        _check_path(path)
        _check_entry(path, entry, change)
    for file in change.files:
        if posixpath.basename(file.path).lower() == ".gitmodules":
            raise RefusedPath(f"{file.path!r} says where submodules come from: change it by hand")
        if file.before is not None and file.before.mode not in (*_FILES, _LINK):
            raise RefusedPath(f"{file.path!r} is a submodule: change it by hand")
    for path in after:
        for parent in _parents(path):
            if parent in after:
                raise RefusedPath(f"{parent!r} is both a file and the directory of {path!r}")
    _check_repositories(after, change)


def deliver_objects(depot: Depot, commit: str, repository: Path, environ: Mapping[str, str] | None = None) -> None:
    """Copy `commit`, and what it reaches, into the repository's object store where it lacks it. Safe to repeat.

    Raises `DepotError` where the history below the pinned commit is gone from the repository.
    """
    layout = Layout.of(repository)
    head = layout.head() if layout and not layout.is_shared() else None
    beyond = _beyond(depot, commit, head) if head else None
    if layout and beyond:
        # A repository has all that what it has checked out reaches, or may lack it. What stands on another object comes after it.
        for kind, data in reversed(beyond.values()):
            objects.write(layout.common_dir / "objects", kind, data, depot.object_format, durable=True)
    else:
        _deliver_lacking(depot, commit, worktree.find(repository, environ or {}))


def _beyond(depot: Depot, commit: str, head: str) -> dict[str, tuple[str, bytes]] | None:
    """Return the objects, by id, that `commit` has beyond `head`, on which it stands; None where it does not, or where one is not here."""
    found: dict[str, tuple[str, bytes]] = {}
    for _ in range(_STEPS):
        try:
            text = depot.read_commit(commit)
            above = parse_commit(commit, text)
            if len(above.parents) != 1:
                return None
            below = above.parents[0]
            found[commit] = ("commit", text)
            found |= depot.new_objects(f"{below}^{{tree}}", above.tree)
        except DepotError:
            return None
        if below == head:
            return found
        commit = below
    return None


def _deliver_lacking(depot: Depot, commit: str, user: WorkTree) -> None:
    """Copy all that `commit` reaches and the repository lacks, whatever has become of it since the pin."""
    reached = git.run(["rev-list", "--objects", "--no-object-names", "--missing=allow-any", commit], git_dir=depot.path)
    # Asked of a git directory of ours, so that a partial clone fetches nothing.
    args = ["cat-file", "--batch-check=%(objectname)", "--buffer"]
    asked = git.run(args, git_dir=depot.path, objects=user.objects, input=reached)
    lacking = [line.removesuffix(b" missing") for line in asked.splitlines() if line.endswith(b" missing")]
    _check_history(depot, commit, user)
    if lacking:
        pack = git.run(
            ["pack-objects", "-q", "--stdout", "--window=0"], git_dir=depot.path, input=b"\n".join([*lacking, b""])
        )
        git.run(["unpack-objects", "-q"], git_dir=user.common_dir, input=pack)


def set_branch(
    repository: Path,
    name: str,
    commit: str,
    expected_old: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> bool:
    """Make branch `name` point to `commit`, if it points to `expected_old` now (None: does not exist).

    True also where it points to `commit` already; False where it points elsewhere. Its reflog tells; no hook runs.
    """
    layout = Layout.of(repository)
    git_dir = layout.common_dir if layout else worktree.find(repository, environ or {}).common_dir
    reference = f"refs/heads/{name}"
    old = expected_old or "0" * len(commit)
    args = ["update-ref", "--create-reflog", "-m", "nightcrew: delivered", reference, commit, old]
    try:
        git.run(args, git_dir=git_dir)
    except DepotError:
        git.run(["check-ref-format", reference], git_dir=git_dir)
        now = _branch(git_dir, reference)
        if now is None and expected_old is None:
            raise
        return now == commit
    return True


def _branch(git_dir: Path, reference: str) -> str | None:
    out = git.run(["for-each-ref", "--format=%(objectname)", reference], git_dir=git_dir)
    return out.decode().strip() or None


def _check_path(path: RepoPath) -> None:
    names = path.split("/")
    if not path or "\0" in path or any(name in ("", ".", "..") for name in names):
        raise RefusedPath(f"{path!r} is no path inside a repository")
    if any(is_git(os.fsencode(name)) for name in names):
        raise RefusedPath(f"{path!r} lies in a git directory, or in what some file system takes for one")


def _check_entry(path: RepoPath, entry: Entry, change: Change) -> None:
    if entry.mode in _FILES:
        return
    if entry.mode != _LINK:
        raise RefusedPath(f"{path!r} is neither a file nor a link (mode {entry.mode:o})")
    target = os.fsdecode(change.blobs.read(entry.blob))
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if target.startswith("/") or joined == ".." or joined.startswith("../"):
        raise RefusedPath(f"{path!r} is a link out of the tree, to {target!r}")
    if any(is_git(os.fsencode(name)) for name in target.split("/")):
        raise RefusedPath(f"{path!r} is a link into a git directory, to {target!r}")


def _check_repositories(after: Mapping[RepoPath, Entry], change: Change) -> None:
    """Refuse a directory that git, run inside it, takes for a bare repository: it would run what its configuration names."""
    folded = {path.lower(): path for path in after}
    for low, path in folded.items():
        folder, _, name = low.rpartition("/")
        if name != "head" or _HEAD.match(change.blobs.read(after[path].blob)) is None:
            continue
        place = f"{folder}/" if folder else ""
        stores = all(any(other.startswith(f"{place}{store}/") for other in folded) for store in ("objects", "refs"))
        if stores or f"{place}commondir" in folded:
            raise RefusedPath(
                f"{path!r} makes its directory a git repository, whose settings git obeys: add it by hand"
            )


def _parents(path: RepoPath) -> list[RepoPath]:
    return [path[:index] for index, character in enumerate(path) if character == "/"]


def _check_history(depot: Depot, commit: str, user: WorkTree) -> None:
    """Raise unless the repository has, or may lack, the parents at which the depot's history ends."""
    reached = set(git.run(["rev-list", commit], git_dir=depot.path).decode().split())
    ends = reached & set((depot.path / "shallow").read_text().split()) if (depot.path / "shallow").exists() else set()
    shallow = user.common_dir / "shallow"
    fine = set(shallow.read_text().split()) if shallow.exists() else set()
    for end in ends - fine:
        text = depot.read_commit(end).partition(b"\n\n")[0]
        parents = [line[7:] for line in text.split(b"\n") if line.startswith(b"parent ")]
        asked = git.run(
            ["cat-file", "--batch-check"], git_dir=depot.path, objects=user.objects, input=b"\n".join([*parents, b""])
        )
        if b" missing" in asked:
            raise DepotError(
                f"the history below {end[:12]}, which was pinned, is gone from {user.root}: file the ticket again on what "
                "is there now"
            )
