"""Compare a commit of the user's with where its history left the pinned one: both trees come into the depot, nothing is written to the user's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shadowfs import git, worktree
from shadowfs.borrow import copy_objects
from shadowfs.change import Change
from shadowfs.errors import DepotError, UnknownCommit
from shadowfs.snapshot import Snapshot


def compare(snapshot: Snapshot, ref: str, environ: Mapping[str, str] | None = None) -> Change:
    """Return what the commit `ref` of the snapshot's repository changes since the merge base with the pinned commit.

    Raises `UnknownCommit` when there is no such commit, or no merge base.
    """
    user = worktree.find(snapshot.repository, environ or {})
    commit = _ask(user.git_dir, ["rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}"])
    if commit is None:
        raise UnknownCommit(f"{ref!r} names no commit of {snapshot.repository}: `git branch --all` shows what there is")
    base = _ask(user.git_dir, ["merge-base", snapshot.head, commit])
    if base is None:
        raise UnknownCommit(
            f"{ref!r} shares no history with {snapshot.head[:12]}: check out the branch it is to go into"
        )
    trees = [_ask(user.git_dir, ["rev-parse", f"{each}^{{tree}}"]) or each for each in (base, commit)]
    copy_objects(snapshot.depot, user, trees, [])
    change = snapshot.depot.change(*trees)
    snapshot.depot.keep(f"compared/{snapshot.id}", change.tree)
    return change


def _ask(git_dir: Path, args: list[str]) -> str | None:
    try:
        return git.run(args, git_dir=git_dir).decode().strip() or None
    except DepotError:
        return None
