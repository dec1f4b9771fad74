"""The order of what a search finds: BM25 of chunks, then what paths, tracebacks and the history say of files."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import PurePosixPath

from agents.agent import Hit
from agents.index.history import History
from agents.index.paths import Role, role
from agents.index.records import Query
from agents.index.store import Store
from agents.index.words import telling, words
from shadowfs import RepoPath

_MOST_WORDS = 64
_MOST_TEXT = 40_000
_POOL = 600
_MOST_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Weights:
    """What each sign counts for. Found by trial on the development repositories of `tests/bench/model_index.py`."""

    roles: Mapping[Role, float] = field(
        default_factory=lambda: {
            Role.SOURCE: 1.0,
            Role.TEST: 0.3,
            Role.SIDE: 0.3,
            Role.PROSE: 0.15,
            Role.FOREIGN: 0.15,
        }
    )
    names: float = 4.0
    tests: float = 0.3
    next_chunk: float = 0.25
    path: float = 0.3
    alike: float = 0.3
    together: float = 0.2
    frame: float = 1.0


class View:
    """The files that a search sees: the blob of each, and which files hold a blob, a word in their path, a name."""

    def __init__(self) -> None:
        self.blobs: dict[RepoPath, int] = {}
        self.paths: dict[int, set[RepoPath]] = defaultdict(set)
        self.worded: dict[str, set[RepoPath]] = defaultdict(set)
        self.based: dict[str, set[RepoPath]] = defaultdict(set)

    def change(self, blobs: Mapping[RepoPath, int]) -> set[int]:
        """Make these the files, and return the blobs that got or lost one. Costs what differs."""
        gone, come = self.blobs.items() - blobs.items(), blobs.items() - self.blobs.items()
        for path, blob in gone:
            self.paths[blob].discard(path)
            for held in self._told(path):
                held.discard(path)
        for path, blob in come:
            self.paths[blob].add(path)
            for held in self._told(path):
                held.add(path)
        self.blobs = dict(blobs)
        return {blob for _, blob in gone | come}

    def _told(self, path: RepoPath) -> Iterator[set[RepoPath]]:
        yield self.based[path.rpartition("/")[2]]
        yield from (self.worded[word] for word in set(words(path.rpartition(".")[0])))

    def named(self, path: str) -> RepoPath | None:
        """Return the file that a path of a traceback means: the one that shares most of its end; None where that is a guess."""
        parts = PurePosixPath(path.replace("\\", "/")).parts
        fits = [
            (_shared_end(parts, PurePosixPath(other).parts), other) for other in self.based.get("".join(parts[-1:]), ())
        ]
        most, best = max(fits, default=(0, ""))
        if sum(fit == most for fit, _ in fits) != 1:
            return None
        # A bare name is enough where nothing else has it, but not for what is installed from elsewhere.
        bare = (len(parts) == 1 or "/" not in best) and role(path) is not Role.FOREIGN
        return best if most > 1 or bare else None


@dataclass(slots=True)
class _File:
    score: float = 0.0
    chunks: dict[int, float] = field(default_factory=dict)
    why: list[str] = field(default_factory=list)


class Search:
    """One search: first chunks by words, then files by all signs, then the best places of the best files."""

    def __init__(self, store: Store, view: View, history: History, weights: Weights) -> None:
        self._store, self._view, self._history, self._weights = store, view, history, weights
        self._files: dict[RepoPath, _File] = defaultdict(_File)

    def run(self, query: Query, files: int, places: int) -> list[Hit]:
        """Return the best `places` of each of the best `files`, the best file first."""
        names = " ".join(id.rpartition("::")[2] or id for id in query.failing)
        told = asked(f"{query.text} {names}")
        self._by_words(told, 1.0)
        self._by_words(asked(query.tests), self._weights.tests)
        for file in self._files.values():
            best = sorted(file.chunks.values(), reverse=True)[:4]
            file.score = sum(score * self._weights.next_chunk**at for at, score in enumerate(best))
        self._by_path(asked(f"{query.text} {' '.join(query.failing)}"))
        self._by_past(told)
        self._by_frames(query)
        return list(self._best(files, places, asked(query.tests) | told))

    def _best(self, files: int, places: int, asked: Mapping[str, str]) -> Iterator[Hit]:
        left = files
        for path in self._ranked():
            if not left:
                return
            # An empty file has no place to show.
            hits = list(self._places(path, places, asked))
            left -= bool(hits)
            yield from hits

    def _ranked(self) -> list[RepoPath]:
        return sorted(self._files, key=lambda path: (-self._files[path].score, path))

    def _by_words(self, asked: Collection[str], weight: float) -> None:
        rows = list(self._store.match(asked, _POOL, self._weights.names))
        top = max((score for *_, score in rows), default=0.0) or 1.0
        for chunk, blob, score in rows:
            for path in self._view.paths.get(blob, ()):
                chunks = self._files[path].chunks
                chunks[chunk] = chunks.get(chunk, 0.0) + weight * score / top

    def _by_path(self, asked: Collection[str]) -> None:
        fits: dict[RepoPath, float] = defaultdict(float)
        for word in asked:
            there = self._view.worded.get(word, ())
            for path in there:
                name = path.rpartition("/")[2]
                share = 1.0 if word in set(words(name.rpartition(".")[0])) else 0.3
                fits[path] += share * math.log(1 + len(self._view.blobs) / len(there))
        top = max(fits.values(), default=0.0)
        for path, fit in fits.items():
            self._add(path, self._weights.path * fit / top, "")

    def _by_past(self, asked: Collection[str]) -> None:
        for path, (fit, commit) in self._history.alike(asked).items():
            if path in self._view.blobs:
                self._add(path, self._weights.alike * fit, f"changed by a commit that sounds alike: {commit.subject}")
        for path in self._ranked()[:5]:
            score, changes = self._files[path].score, self._history.changes(path)
            for other, times in self._history.together(path).items():
                if other in self._view.blobs and times > 1:
                    share = times / (changes + 3)
                    self._add(
                        other, self._weights.together * share * score, f"changed together with {path} {times} times"
                    )

    def _by_frames(self, query: Query) -> None:
        top = max((file.score for file in self._files.values()), default=0.0) or 1.0
        for depth, frame in enumerate(reversed(query.frames)):
            path = self._view.named(frame.path)
            if path is None:
                continue
            gain = self._weights.frame * top / (1 + depth)
            self._add(path, gain, f"line {frame.line} is in the traceback")
            for chunk, first, last, _ in self._store.chunks(self._view.blobs[path]):
                if first <= frame.line <= last:
                    chunks = self._files[path].chunks
                    chunks[chunk] = chunks.get(chunk, 0.0) + gain

    def _add(self, path: RepoPath, gain: float, why: str) -> None:
        file = self._files[path]
        file.score += gain * self._weights.roles[role(path)]
        if why and why not in file.why:
            file.why.append(why)

    def _places(self, path: RepoPath, most: int, asked: Mapping[str, str]) -> Iterator[Hit]:
        file = self._files[path]
        chunks = {id: (first, last, name) for id, first, last, name in self._store.chunks(self._view.blobs[path])}
        best = sorted(chunks, key=lambda id: (-file.chunks.get(id, 0.0), id))[:most]
        # A file found by its path or its past alone has no best place: its first stands for it.
        for id in [id for id in best if id in file.chunks] or best[:1]:
            first, last, name = chunks[id]
            names, body = self._store.words(id)
            why = (*_shared("defines", names, asked), *_shared("has", body - names, asked), *file.why)
            yield Hit(path, first, last, file.score, name, (*why, *_ranked_down(path)))


def _shared_end(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many parts the two have in common at their ends."""
    pairs = zip(reversed(one), reversed(other), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _shared(verb: str, words: frozenset[str], asked: Mapping[str, str]) -> Iterator[str]:
    written = dict.fromkeys(asked[word] for word in asked if word in words)
    if written:
        yield f"{verb} {', '.join([*written][:_MOST_SHOWN])}"


def asked(text: str) -> dict[str, str]:
    """Return the words to ask for, those that come most often first, each as the text writes it; bounded."""
    found = list(telling(text[:_MOST_TEXT]))
    written = dict(reversed(found))
    return {word: written[word] for word, _ in Counter(word for word, _ in found).most_common(_MOST_WORDS)}


def _ranked_down(path: RepoPath) -> Iterable[str]:
    kind = role(path)
    return () if kind is Role.SOURCE else (f"ranked down: {kind.value}",)
