"""The code index as a workspace has it: opened with the first question, in step with the files before each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.agent import Hit
from shadowfs import PastCommit, RepoPath

if TYPE_CHECKING:
    from agents.index import CodeIndex, Contents


@dataclass(frozen=True, slots=True)
class IndexFile:
    """Where an index lies, and the history that it learns: commits, newest first, and what tells what they changed."""

    path: Path
    commits: Sequence[str] = ()
    read: Callable[[Sequence[str]], Iterable[PastCommit]] = lambda _: ()


@dataclass(slots=True)
class Locator:
    """Asks the index in `file()` of the tree (path to blob id) that `tree()` returns, whose blobs are read in `contents`.

    It belongs to one thread. Where the index cannot be used nothing is found, and `say` is told why.
    """

    file: Callable[[], IndexFile]
    tree: Callable[[], Mapping[RepoPath, str]]
    contents: Contents
    say: Callable[[str], None] = lambda _: None
    _index: CodeIndex | None = None

    def find(self, text: str, failing: Sequence[str] = (), files: int = 10, places: int = 3) -> tuple[Hit, ...]:
        """Return the best `places` of each of the best `files` for a ticket's text or any words, a traceback's frames in it counting most."""
        # The index takes a while to import, and most commands need none.
        from agents.index import CodeIndex, IndexUnusable, Query, frames

        try:
            if self._index is None:
                file = self.file()
                self._index = CodeIndex.open(file.path)
                self._index.learn(file.commits, file.read)
            self._index.update(self.tree(), self.contents)
            return tuple(self._index.search(Query(text, tuple(failing), "", tuple(frames(text))), files, places))
        except IndexUnusable as error:
            self.say(f"the code index is not used: {error}")
            return ()

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        if self._index is not None:
            self._index.close()
            self._index = None
