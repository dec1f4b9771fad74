"""What the recent commits of a repository changed: ids, subjects and paths, for whoever learns from the past."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shadowfs import git, worktree
from shadowfs.change import RepoPath
from shadowfs.snapshot import Snapshot

_BATCH = 50


@dataclass(frozen=True, slots=True)
class PastCommit:
    """A commit of the history: its id, its subject (untrusted), and the files in which it differs from its first parent."""

    id: str
    subject: str
    paths: tuple[RepoPath, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """The history that a git directory holds, with the object stores `alternates`, and that ends where `shallow` says."""

    git_dir: Path
    alternates: tuple[Path, ...] = ()
    shallow: Path | None = None

    @classmethod
    def of(cls, snapshot: Snapshot) -> Past:
        """Return the history below a pin, read from the user's repository; raise `NotPinnable` where that is gone."""
        source = worktree.find(snapshot.repository, {})
        return cls(snapshot.depot.path, (source.objects,), source.common_dir / "shallow")

    def recent(self, head: str, most: int) -> list[str]:
        """Return the ids of the newest `most` commits that `head` reaches, newest first; merges are left out."""
        return self._git("rev-list", "--no-merges", f"--max-count={most}", "--end-of-options", head).decode().split()

    def first(self, head: str) -> str:
        """Return the id of the first commit of `head`'s line: the same in each clone and worktree that is not shallow."""
        return self._git("rev-list", "--first-parent", "--max-parents=0", "--end-of-options", head).decode().split()[-1]

    def changed(self, ids: Sequence[str]) -> Iterator[PastCommit]:
        """Yield what commits changed, in their order; raise `DepotError` when one is not there."""
        # In batches: what a commit changed is as long as its author liked.
        for at in range(0, len(ids), _BATCH):
            asked = "".join(f"{id}\n" for id in ids[at : at + _BATCH]).encode()
            args = ["log", "--no-walk=unsorted", "--stdin", "-z", "--name-only", "--no-renames"]
            yield from _commits(self._git(*args, "--format=%x00%H%x00%s%x00", input=asked))

    def _git(self, *args: str, input: bytes = b"") -> bytes:
        ends = self.shallow if self.shallow is None or self.shallow.exists() else ""
        words = [*(() if ends is None else ("--shallow-file", str(ends))), *args]
        return git.run(words, git_dir=self.git_dir, alternates=self.alternates, input=input)


def _commits(told: bytes) -> list[PastCommit]:
    """Parse fields that end with NUL: an id stands after an empty one, the first path after that and a line end."""
    fields, before = iter(told.split(b"\0")), b""
    found: list[tuple[str, str, list[RepoPath]]] = []
    for field in fields:
        if field and not before and not field.startswith(b"\n"):
            found.append((field.decode(), next(fields, b"").decode(errors="replace"), []))
        elif field:
            found[-1][2].append(os.fsdecode(field if before else field.removeprefix(b"\n")))
        before = field
    return [PastCommit(id, subject, tuple(paths)) for id, subject, paths in found]
