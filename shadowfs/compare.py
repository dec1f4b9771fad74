"""Compare a commit of the user's with where its history left the pinned one: both trees come into the depot, nothing is written to the user's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from shadowfs import git, worktree
from shadowfs.borrow import copy_objects
from shadowfs.change import Change
from shadowfs.depot import Depot
from shadowfs.errors import DepotError, UnknownCommit
from shadowfs.snapshot import Snapshot
from shadowfs.worktree import WorkTree

_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def compare(snapshot: Snapshot, ref: str, environ: Mapping[str, str] | None = None) -> Change:
    """Return what the commit `ref` of the snapshot's repository changes since the merge base with the pinned commit.

    The id of a commit may also be that of one which the depot has, fetched from a forge.
    Raises `UnknownCommit` when there is no such commit, or no merge base.
    """
    user = worktree.find(snapshot.repository, environ or {})
    ask, named = partial(_ask, user.git_dir), ["rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}"]
    commit = ask(named)
    if commit is None and _ID.fullmatch(ref):
        ask = partial(_ask_beside, snapshot.depot, user)
        commit = ask(named)
    if commit is None:
        raise UnknownCommit(f"{ref!r} names no commit of {snapshot.repository}: `git branch --all` shows what there is")
    base = ask(["merge-base", snapshot.head, commit])
    if base is None:
        raise UnknownCommit(
            f"{ref!r} shares no history with {snapshot.head[:12]}: check out the branch it is to go into"
        )
    trees = [ask(["rev-parse", f"{each}^{{tree}}"]) or each for each in (base, commit)]
    copy_objects(snapshot.depot, user, trees, [])
    change = snapshot.depot.change(*trees)
    snapshot.depot.keep(f"compared/{snapshot.id}", change.tree)
    return change


def _ask(git_dir: Path, args: Sequence[str], alternates: Sequence[Path] = ()) -> str | None:
    try:
        return git.run(args, git_dir=git_dir, alternates=alternates).decode().strip() or None
    except DepotError:
        return None


def _ask_beside(depot: Depot, user: WorkTree, args: Sequence[str]) -> str | None:
    """Ask the depot with the user's objects beside it: there its history ends where the user's does."""
    shallow = user.common_dir / "shallow"
    return _ask(depot.path, ["--shallow-file", str(shallow) if shallow.exists() else "", *args], [user.objects])
