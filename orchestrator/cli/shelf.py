"""Shadows on their own, between commands: a snapshot and a tree of its depot, by id. Nothing runs while none is mounted."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click

from shadowfs import Driver, Shadow, Snapshot, pin


@dataclass(frozen=True, slots=True)
class Shelved:
    """A shadow at rest: the snapshot it is over, and the tree it stood at when it was last unmounted."""

    id: str
    snapshot: str
    tree: str


class Shelf:
    """The shadows at rest below `state`."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._folder = state / "shelf"

    def create(self, repository: Path, hidden: Iterable[str], environ: Mapping[str, str]) -> Shelved:
        """Pin a repository as it is, and shelve a shadow of it, in which files that match `hidden` do not exist.

        `environ` says how the user's git would find its configuration.
        """
        snapshot = pin(repository, self._state, secret_patterns=hidden, environ=environ)
        return self._put(Shelved(secrets.token_hex(4), snapshot.id, snapshot.tree))

    def fork(self, id: str) -> Shelved:
        """Shelve another shadow that starts where this one stood."""
        return self._put(replace(self.find(id), id=secrets.token_hex(4)))

    def find(self, id: str) -> Shelved:
        """Return a shadow by its id. Raises `click.UsageError`."""
        path = self._path(id)
        if not path.is_file():
            known = (
                ", ".join(sorted(file.stem for file in self._folder.glob("*.json")))
                or "none: `nightcrew shadow create`"
            )
            raise click.UsageError(f"there is no shadow {id}; there are {known}")
        return Shelved(**json.loads(path.read_text("utf-8")))

    def snapshot(self, shelved: Shelved) -> Snapshot:
        """Return the snapshot a shadow is over."""
        return Snapshot.load(self._state, shelved.snapshot)

    def move(self, shelved: Shelved, tree: str, snapshot: Snapshot) -> None:
        """Remember that a shadow now stands at `tree`, over this snapshot; forget the one before where no other is over it."""
        before = self.snapshot(shelved)
        self._put(replace(shelved, tree=tree, snapshot=snapshot.id))
        if snapshot.id != before.id and before.id not in self._held():
            before.forget()

    def drop(self, shelved: Shelved) -> None:
        """Forget a shadow, and its snapshot where no other is over it."""
        snapshot = self.snapshot(shelved)
        self._path(shelved.id).unlink()
        snapshot.depot.drop(f"shelf/{shelved.id}")
        if shelved.snapshot not in self._held():
            snapshot.forget()

    @contextmanager
    def held(self, id: str) -> Iterator[Shelved]:
        """Hold a shadow for as long as the `with` block lasts. Raises `click.UsageError` where another command holds it."""
        shelved = self.find(id)
        with self._path(id).with_suffix(".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise click.UsageError(f"shadow {id} is mounted by another command: end that first") from None
            yield shelved

    @contextmanager
    def mounted(self, id: str, driver: Driver) -> Iterator[tuple[Shelved, Shadow]]:
        """Mount a shadow for as long as the `with` block lasts; what was written is kept, whatever ends that. Raises as `held`."""
        with self.held(id) as shelved, driver.create(self.snapshot(shelved), shelved.tree) as shadow:
            try:
                yield shelved, shadow
            finally:
                self.move(shelved, shadow.checkpoint(), shadow.snapshot)

    def _held(self) -> set[str]:
        """Return the ids of the snapshots that shadows here are over."""
        return {json.loads(file.read_text("utf-8"))["snapshot"] for file in self._folder.glob("*.json")}

    def _put(self, shelved: Shelved) -> Shelved:
        self.snapshot(shelved).depot.keep(f"shelf/{shelved.id}", shelved.tree)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._folder / f"{shelved.id}.{os.getpid()}"
        partial.write_text(json.dumps(asdict(shelved)), "utf-8")
        partial.replace(self._path(shelved.id))
        return shelved

    def _path(self, id: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{1,16}", id):
            raise click.UsageError(f"{id!r} is no shadow's id: `nightcrew shadow create` prints one")
        return self._folder / f"{id}.json"
