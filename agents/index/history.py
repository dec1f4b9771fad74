"""What the history tells of a ticket: past subjects that sound like it, and the files that changed together with a file."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from agents.index.words import telling
from agents.wording import plain
from shadowfs import PastCommit, RepoPath

_MOST_PATHS = 10
_MOST_ALIKE = 50
_LONGEST_SUBJECT = 200


class History:
    """The commits of one line of history, newest first. A commit of many files tells nothing of any."""

    def __init__(self, commits: Iterable[PastCommit]) -> None:
        self._commits = [each for each in commits if each.paths]
        self._of: dict[RepoPath, list[int]] = defaultdict(list)
        self._worded: dict[str, list[int]] = defaultdict(list)
        for at, commit in enumerate(self._commits):
            for path in commit.paths:
                self._of[path].append(at)
            for word in {word for word, _ in telling(commit.subject)}:
                self._worded[word].append(at)

    def alike(self, asked: Collection[str]) -> Mapping[RepoPath, tuple[float, PastCommit]]:
        """Return the files of past commits whose subjects share words: how well (at most 1), and the best such commit."""
        fits: dict[int, float] = defaultdict(float)
        for word in asked:
            there = self._worded.get(word, ())
            for at in there:
                fits[at] += math.log(1 + len(self._commits) / len(there))
        best: dict[RepoPath, tuple[float, PastCommit]] = {}
        top = max(fits.values(), default=0.0)
        for at in sorted(fits, key=lambda at: (-fits[at], at))[:_MOST_ALIKE]:
            commit = self._commits[at]
            for path in commit.paths:
                best.setdefault(path, (fits[at] / top / math.sqrt(len(commit.paths)), commit))
        return best

    def together(self, path: RepoPath) -> Mapping[RepoPath, int]:
        """Return how often other files changed in one commit with a file."""
        seen = Counter(other for at in self._of.get(path, ()) for other in self._commits[at].paths)
        del seen[path]
        return seen

    def changes(self, path: RepoPath) -> int:
        """Return how often a file changed."""
        return len(self._of.get(path, ()))


def bounded(commit: PastCommit) -> PastCommit:
    """Return a commit as far as it tells something: a short subject, and no paths where they are too many."""
    paths = commit.paths if len(commit.paths) <= _MOST_PATHS else ()
    return PastCommit(commit.id, plain(commit.subject)[:_LONGEST_SUBJECT], paths)
