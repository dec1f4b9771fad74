"""A snapshot: a pinned, immutable state of a working tree, uncommitted and untracked files included."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from shadowfs.change import RepoPath
from shadowfs.depot import Depot
from shadowfs.errors import NotPinnable


@dataclass(frozen=True, slots=True)
class Omission:
    """A path that the snapshot's tree leaves out, and why (`secret`, `large`, `nested repository`, `submodule`,
    `special file`)."""

    path: RepoPath
    why: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A pinned state of a repository, kept alive by a ref in its depot.

    `tree` is the git tree of the working tree's raw bytes. `head` is the user's commit at the pin. `base` is the commit whose
    tree is `tree`: `head` where the working tree was clean, else a local commit of the uncommitted work on top of it.
    `pin` is the file with each pinned path's blob and stat. `ignored` are the roots of the live copy-on-write lower
    layer; `fingerprint` is theirs at the pin. `secret_patterns` are the configured ones, besides the built-in ones.
    """

    id: str
    repository: Path
    depot: Depot
    tree: str
    head: str
    branch: str | None
    base: str
    pin: Path
    ignored: tuple[RepoPath, ...]
    fingerprint: str
    omitted: tuple[Omission, ...]
    secret_patterns: tuple[str, ...] = ()

    @classmethod
    def load(cls, state: Path, id: str) -> Snapshot:
        """Return a snapshot that `pin` made, perhaps in another process; raise `NotPinnable` when there is none such."""
        pin = state / "pins" / id / "table"
        try:
            record = json.loads(pin.with_name("snapshot.json").read_bytes())
        except FileNotFoundError:
            raise NotPinnable(f"snapshot {id} is not in {state}: pin the repository again") from None
        return cls(
            id=id,
            repository=Path(record["repository"]),
            depot=Depot(Path(record["depot"])),
            tree=record["tree"],
            head=record["head"],
            branch=record["branch"],
            base=record["base"],
            pin=pin,
            ignored=tuple(record["ignored"]),
            fingerprint=record["fingerprint"],
            omitted=tuple(Omission(**omission) for omission in record["omitted"]),
            secret_patterns=tuple(record["secret_patterns"]),
        )

    def save(self) -> None:
        """Write what `load` reads, beside the pin."""
        record = {
            "repository": str(self.repository),
            "depot": str(self.depot.path),
            "tree": self.tree,
            "head": self.head,
            "branch": self.branch,
            "base": self.base,
            "ignored": self.ignored,
            "fingerprint": self.fingerprint,
            "omitted": [asdict(omission) for omission in self.omitted],
            "secret_patterns": self.secret_patterns,
        }
        partial = self.pin.with_name(f"snapshot.json.{os.getpid()}")
        # Paths may hold surrogates, which JSON keeps as escapes.
        partial.write_text(json.dumps(record))
        partial.replace(self.pin.with_name("snapshot.json"))

    def forget(self) -> None:
        """Remove the snapshot: its pin, and the ref that keeps its objects. Safe to call twice."""
        self.depot.drop(f"pins/{self.id}")
        shutil.rmtree(self.pin.parent, ignore_errors=True)

    @property
    def dirty(self) -> bool:
        """Say whether the pin held uncommitted work."""
        return self.base != self.head
