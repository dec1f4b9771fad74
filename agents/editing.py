"""Editing: edits of any form put into a workspace, whole or not at all."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agents.agent import Workspace
from agents.edits import Applied, Edit, Refused, apply, read
from agents.errors import OutOfBudget
from shadowfs import RepoPath


@dataclass(frozen=True, slots=True)
class Files(Mapping[RepoPath, bytes]):
    """A workspace's files, each read when it is asked for."""

    workspace: Workspace

    def __getitem__(self, path: RepoPath) -> bytes:
        try:
            return self.workspace.read(path)
        except OutOfBudget:
            raise
        except OSError:
            raise KeyError(path) from None

    def __iter__(self) -> Iterator[RepoPath]:
        return self.workspace.paths()

    def __len__(self) -> int:
        return sum(1 for _ in self.workspace.paths())


@dataclass(frozen=True, slots=True)
class Edited:
    """The files that edits wrote, and those they removed."""

    written: tuple[RepoPath, ...]
    deleted: tuple[RepoPath, ...]


def put_edits(workspace: Workspace, asked: Sequence[Edit] | str, protected: Collection[RepoPath] = ()) -> Edited | str:
    """Put edits, or those that a text of any form asks for, into a workspace; return why not where they have no sure target.

    Raises what writing raises; what was written by then is taken back.
    """
    if isinstance(asked, str):
        reading = read(asked)
        if isinstance(reading, Refused):
            return reading.why
        asked = reading.edits
    made = apply(asked, Files(workspace), protected=protected)
    if not isinstance(made, Applied):
        return made.why
    before = {path: Files(workspace).get(path) for path in made.files}
    done: list[RepoPath] = []
    try:
        for path, data in made.files.items():
            put(workspace, path, data)
            done.append(path)
    except OSError:
        for path in reversed(done):
            put(workspace, path, before[path])
        raise
    written = tuple(path for path, data in made.files.items() if data is not None)
    return Edited(written, tuple(path for path in made.files if path not in written))


def put(workspace: Workspace, path: RepoPath, data: bytes | None) -> None:
    """Give a file of a workspace this content; None removes it."""
    if data is None:
        workspace.delete(path)
    else:
        workspace.write(path, data)
