"""The code index of one project: kept in step with a tree by blob ids, asked with a ticket, answers with line ranges."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from agents.agent import Hit
from agents.index.chunks import FILE_BYTES, Worded, chunked
from agents.index.grammars import Grammars
from agents.index.history import History, bounded
from agents.index.paths import Role, language, role
from agents.index.ranking import Search, View, Weights
from agents.index.records import BlobId, Contents, Query, Updated
from agents.index.store import Store, unusable
from shadowfs import PastCommit, RepoPath

MOST_FILES = 50_000
"""Files of a tree beyond this are left out: foreign ones and prose first, then tools, then tests."""
MOST_BYTES = 256 << 20
"""An update reads no more than this."""
_BATCH = 200
_BATCH_BYTES = 8 << 20
_ROLES = tuple(Role)


class CodeIndex:
    """An index file opened for one tree at a time. Trees of one project share a file, whichever process or worktree they are in.

    It belongs to one thread of one process; others open their own. Any method may raise `IndexUnusable`; what `contents` and `read` raise passes through, and what was read before that is kept.
    """

    def __init__(
        self,
        path: Path,
        now: Callable[[], float] = time.time,
        weights: Weights = Weights(),
        most_files: int = MOST_FILES,
    ) -> None:
        self._path, self._weights, self._most = path, weights, most_files
        self._grammars = Grammars()
        self._store = Store(path, " ".join(sorted(self._grammars.languages)), now)
        self._known: dict[str, tuple[int, str]] = {}
        self._view = View()
        self._history = History(())

    @classmethod
    def open(cls, path: Path) -> CodeIndex:
        """Open the index file, made where there is none, and made anew where it is damaged or another version's."""
        return cls(path)

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update(self, tree: Mapping[RepoPath, BlobId], contents: Contents) -> Updated:
        """Make `tree` what searches see, as far as it is text. Only blobs that no update of this file has met are read."""
        with unusable(self._path):
            keys, left_out = _chosen(tree, self._most)
            new = {key: path for path, key in keys.items() if key not in self._known}
            known = self._known | self._store.known(list(new))
            unread = sorted((key for key in new if key not in known), key=lambda key: _ROLES.index(role(new[key])))
            refused = self._read(unread, contents)
            known |= self._store.known(unread)
            self._known = {key: known[key] for key in keys.values() if key in known}
            left_out.update(why for key in keys.values() if (why := refused.get(key) or known[key][1]))
            self._show({path: known[key][0] for path, key in keys.items() if key in known and not known[key][1]})
            self._store.drop_old()
            return Updated(len(self._view.blobs), len(unread) - len(refused), dict(left_out))

    def learn(self, commits: Sequence[str], read: Callable[[Sequence[str]], Iterable[PastCommit]]) -> None:
        """Make these commits (ids, newest first) the history that searches know; only those never met are read."""
        with unusable(self._path):
            known = self._store.past(commits)
            unmet = [id for id in commits if id not in known]
            if unmet:
                self._store.add_past([bounded(commit) for commit in read(unmet)])
                known |= self._store.past(unmet)
            self._history = History(known[id] for id in commits if id in known)

    def search(self, query: Query, files: int = 10, places: int = 3) -> list[Hit]:
        """Return the best `places` of each of the best `files`: the best file first, within a file the best place."""
        with unusable(self._path):
            return Search(self._store, self._view, self._history, self._weights).run(query, files, places)

    def _read(self, unread: Sequence[str], contents: Contents) -> dict[str, str]:
        """Read blobs, until the bytes of one update are spent, and return why others were not."""
        sizes = contents.sizes([_blob(key) for key in unread])
        # Of what is too large nothing is read.
        costs = {key: _cost(sizes[_blob(key)]) for key in unread if _blob(key) in sizes}
        total, taken = 0, []
        for key, cost in costs.items():
            if total + cost <= MOST_BYTES:
                total += cost
                taken.append(key)
        for batch in _batches(taken, costs):
            # Cut before the transaction, so that others wait for writing only.
            self._store.add({key: self._chunks(key, sizes[_blob(key)], contents) for key in batch})
        later = f"beyond {MOST_BYTES} bytes at once: the next update goes on"
        return {key: later if key in costs else "not there" for key in set(unread).difference(taken)}

    def _chunks(self, key: str, size: int, contents: Contents) -> list[Worded] | str:
        if size > FILE_BYTES:
            return f"larger than {FILE_BYTES} bytes"
        chunks = chunked(contents.read(_blob(key)), key.partition(":")[0], self._grammars)
        return "binary" if chunks is None else list(chunks)

    def _show(self, blobs: Mapping[RepoPath, int]) -> None:
        weights = {blob: self._weight(blob) for blob in self._view.change(blobs)}
        shown = {blob: weight for blob, weight in weights.items() if weight}
        self._store.view(sorted(shown.items()), sorted(weights.keys() - shown.keys()))

    def _weight(self, blob: int) -> float:
        """Return the best weight that a path of a blob has, 0 where it has none."""
        return max((self._weights.roles[role(path)] for path in self._view.paths[blob]), default=0.0)


def _chosen(tree: Mapping[RepoPath, BlobId], most: int) -> tuple[dict[RepoPath, str], Counter[str]]:
    """Return the key of each file that is indexed, and how many are not, by reason."""
    # The same bytes are cut otherwise in another language.
    keys = {path: f"{kind}:{blob}" for path, blob in tree.items() if (kind := language(path))}
    left_out = Counter({"no text by its name": len(tree) - len(keys)})
    if len(keys) > most:
        left_out[f"beyond {most} files"] = len(keys) - most
        first = sorted(keys, key=lambda path: (_ROLES.index(role(path)), path))[:most]
        keys = {path: keys[path] for path in first}
    return keys, +left_out


def _blob(key: str) -> BlobId:
    return key.partition(":")[2]


def _cost(size: int) -> int:
    return size if size <= FILE_BYTES else 0


def _batches(keys: Iterable[str], costs: Mapping[str, int]) -> Iterator[list[str]]:
    """Yield the keys in batches, each of which a killed update may lose, and which is in memory at once."""
    batch: list[str] = []
    total = 0
    for key in keys:
        batch.append(key)
        total += costs[key]
        if len(batch) == _BATCH or total > _BATCH_BYTES:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch
