"""A forecast: would a change merge into the user's branch as it is now? Asked of git in a store of its own; the user's is only read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from shadowfs import git, worktree
from shadowfs.change import Change, RepoPath
from shadowfs.errors import DepotError, ShadowfsError
from shadowfs.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Forecast:
    """What becomes of a change: `branch` is where it would go, `moved` says whether that has other commits than at the pin.

    `conflicts` are the paths in which both changed the same.
    """

    branch: str
    moved: bool
    conflicts: tuple[RepoPath, ...] = ()

    @property
    def clean(self) -> bool:
        """Say whether it merges."""
        return not self.conflicts


def forecast(snapshot: Snapshot, change: Change, environ: Mapping[str, str]) -> Forecast | None:
    """Return what a merge of `change` into its snapshot's branch would meet; None where the branch, or what git needs, is gone."""
    name = f"refs/heads/{snapshot.branch}" if snapshot.branch else "HEAD"
    try:
        asked = git.look(["rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"], snapshot.repository, environ)
    except (OSError, ShadowfsError):
        # The repository was moved, or is gone.
        return None
    tip = asked.stdout.decode().strip()
    branch = snapshot.branch or "HEAD"
    if not tip:
        return None
    if tip == snapshot.head:
        return Forecast(branch, moved=False)
    when = datetime.fromtimestamp(0, UTC)
    commit = snapshot.depot.commit(change.tree, [snapshot.base], "a forecast\n", when)
    user = worktree.find(snapshot.repository, environ)
    with tempfile.TemporaryDirectory(prefix="nightcrew-forecast-") as directory:
        scratch = Path(directory)
        form = f"--object-format={snapshot.depot.object_format}"
        git.run(["init", "--quiet", "--bare", "--template=", form], git_dir=scratch)
        args = ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", tip, commit]
        try:
            out = git.run(args, git_dir=scratch, alternates=(user.objects, snapshot.depot.objects), fine=(0, 1))
        except DepotError:
            # Histories without a common commit, or one that was cut off: git cannot say.
            return None
    return Forecast(branch, moved=True, conflicts=tuple(map(os.fsdecode, out.split(b"\0")[1:-1])))
