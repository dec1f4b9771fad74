"""Branches of the data that a repository's tests need: what they are made of in a tree, and databases among its ignored files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.patterns import matching
from orchestrator.settings import Settings
from sandbox import (
    Branches,
    Command,
    Served,
    Services,
    ServiceUnavailable,
    Source,
    copy_database,
    told_of,
)
from shadowfs import RepoPath, Shadow, Snapshot, hiding

if TYPE_CHECKING:
    from orchestrator.places.place import Place


Opening = Callable[[str, Served], AbstractContextManager["Place"]]
"""Opens a place on a fresh shadow of a tree, with what it is served."""

# As in an activated environment: the programs beside the interpreter go first.
_SET_UP = 'PATH="$1:$PATH"; export PATH; exec sh -ec "$2"'
_BESIDE = ("-wal", "-shm", "-journal")


class Branching:
    """Opens branches for the places of one job.

    A tree that cannot be served though the pinned one can, which is its change's doing, is served nothing; why is in `failed`.
    """

    def __init__(self, branches: Branches | None, settings: Settings) -> None:
        self._branches = branches
        self._settings = settings
        self.failed: dict[str, str] = {}

    @contextmanager
    def open(self, shadow: Shadow, tree: str, user: tuple[int, int] | None, opening: Opening) -> Iterator[Served]:
        """Open a branch for a shadow of `tree` for as long as the `with` block lasts; `opening` is asked where a set-up has to run.

        Raises `ServiceUnavailable`.
        """
        services, pinned = self._settings.services, shadow.snapshot.tree
        with ExitStack() as stack:
            served = Served()
            if services.wanted and tree not in self.failed:
                for path in services.sqlite.values():
                    if not path.is_absolute():
                        _copy_ignored(shadow, path.as_posix())
                try:
                    served = stack.enter_context(self._opened(shadow.snapshot, tree, user, opening))
                except ServiceUnavailable as error:
                    if tree == pinned:
                        raise
                    with self._opened(shadow.snapshot, pinned, user, opening):
                        self.failed[tree] = str(error)
            yield served

    def _opened(
        self, snapshot: Snapshot, tree: str, user: tuple[int, int] | None, opening: Opening
    ) -> AbstractContextManager[Served]:
        if self._branches is None:
            raise ServiceUnavailable("nothing here gives what [services] of nightcrew.toml names: take it out")
        services = self._settings.services
        outside = {name: path for name, path in services.sqlite.items() if path.is_absolute()}
        placed = {name: snapshot.repository / path for name, path in services.sqlite.items()}
        source = _source(snapshot, tree, services)
        if tree != snapshot.tree and services.files:
            # What `setup` runs is written by the attempt as well: of `files` alone, it would make what others are judged on.
            pinned = _source(snapshot, snapshot.tree, services)
            if source.depends == pinned.depends:
                tree = snapshot.tree
            else:
                source = replace(source, depends=(tree.encode(),))
        set_up = self._set_up(tree, opening)
        return self._branches.open(replace(services, sqlite=placed), source, set_up, outside, user)

    def _set_up(self, tree: str, opening: Opening) -> Callable[[Served], None]:
        services, settings = self._settings.services, self._settings

        def run(served: Served) -> None:
            with opening(tree, served) as place:
                beside = str(Path(settings.python).parent) if settings.python else "/usr/bin"
                command = Command(("sh", "-c", _SET_UP, "setup", beside, services.setup or ""))
                completed = place.sandbox.run(command, settings.limits)
            if not completed.ok:
                raise ServiceUnavailable(
                    f"`setup` of [services] in nightcrew.toml fails, {told_of(completed)}; correct it: it runs in the top directory"
                )

        return run


def _source(snapshot: Snapshot, tree: str, services: Services) -> Source:
    """Return what the data is made of in a tree."""
    entries = snapshot.depot.entries(tree) if services.servers else {}
    dumps = {path: snapshot.depot.read(entries[path].blob) for path in services.dumps if path in entries}
    if services.setup is None:
        return Source(dumps)
    if not services.files:
        return Source(dumps, (tree.encode(),))
    matches = matching(services.files)
    found = [(path, entry) for path, entry in sorted(entries.items()) if matches(path)]
    return Source(dumps, tuple(f"{path}\0{entry.mode:o}\0{entry.blob}".encode() for path, entry in found))


def _copy_ignored(shadow: Shadow, path: RepoPath) -> None:
    """Write a database of the repository into its shadow as it is at this moment, unless it is pinned with the other files."""
    snapshot = shadow.snapshot
    if path in snapshot.depot.entries(snapshot.tree):
        return
    top = snapshot.repository.resolve()
    there = (top / path).resolve()
    if not there.is_relative_to(top):
        raise ServiceUnavailable(f"{path} leads out of the repository: name the file itself under [services.sqlite]")
    hidden = hiding(snapshot.secret_patterns)
    if any(hidden(os.fsencode(each), False) for each in (path, there.relative_to(top))):
        raise ServiceUnavailable(f"{path} is hidden as a secret: name another database under [services.sqlite]")
    with tempfile.TemporaryDirectory(prefix="nightcrew-") as folder:
        copy = Path(folder) / "copy"
        copy_database(there, copy)
        shadow.write(path, copy.read_bytes())
    for ending in _BESIDE:
        with suppress(FileNotFoundError):
            shadow.delete(path + ending)
