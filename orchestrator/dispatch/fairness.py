"""Whose turn it is: in which order workers take jobs, and which they leave. Pure, and the same for every store.

Within a priority the user with the fewest jobs at work is next (max-min fairness), then who was served least recently; within a
user the same holds of repositories. Jobs of a lane are taken by age.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

PATIENCE_S = 60.0
"""How much longer another repository waits where a worker has one warm."""
_LATER = 1e12
"""A Unix time after all that are known: that of who is served while turns are taken."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Jobs of which any worker takes the oldest: one user's on one repository, with the same needs."""

    user: str
    repository: Path
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a worker takes jobs.

    `among` says how many jobs may be at work of each repository, of those whose jobs may begin (None: of any), `per_user` and
    `in_all` how many of each user and altogether. `can` is what the worker is able to do (None: everything). A repository that is
    `warm` counts as if it had been served a little earlier.
    """

    among: Mapping[Path, int] | None = None
    can: frozenset[str] | None = None
    per_user: int | None = None
    in_all: int | None = None
    warm: Path | None = None

    @property
    def counts(self) -> bool:
        """Say whether they bound what is at work: whoever counts that has to keep others out meanwhile."""
        return (self.among, self.per_user, self.in_all) != (None, None, None)


ANY = Terms()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that may begin."""

    number: int
    priority: int


@dataclass(frozen=True, slots=True)
class Line:
    """The jobs of a lane that may begin, the most wanted first, and when its lane and any lane of its user were served last."""

    lane: Lane
    jobs: Iterator[Waiting]
    served_at: float = 0.0
    user_served_at: float = 0.0


class Turns:
    """Takes turns among lines, given how many jobs of each lane are at work."""

    def __init__(self, working: Iterable[tuple[Lane, int]], terms: Terms = ANY) -> None:
        self._terms = terms
        self._users = Counter[str]()
        self._repositories = Counter[Path]()
        self._homes = Counter[tuple[str, Path]]()
        self._just: dict[str | Lane, float] = {}
        self._later = count(_LATER)
        for lane, many in working:
            self._add(lane, many)

    def order(self, lines: Iterable[Line]) -> Iterator[Waiting]:
        """Yield the jobs as they are taken one after the other, each at work from then on."""
        heads = [(self._key(line, job), at, line, job) for at, line in enumerate(lines) for job in _next(line)]
        heapq.heapify(heads)
        while heads:
            known, at, line, job = heapq.heappop(heads)
            # What is at work only grows meanwhile: a line that may not go on never may again, and what is known is never too much.
            if not self._may_begin(line.lane):
                continue
            if (key := self._key(line, job)) > known:
                heapq.heappush(heads, (key, at, line, job))
                continue
            yield job
            self._add(line.lane, 1)
            self._just[line.lane] = self._just[line.lane.user] = next(self._later)
            for following in _next(line):
                heapq.heappush(heads, (self._key(line, following), at, line, following))

    def _add(self, lane: Lane, many: int) -> None:
        self._users[lane.user] += many
        self._repositories[lane.repository] += many
        self._homes[lane.user, lane.repository] += many

    def _may_begin(self, lane: Lane) -> bool:
        terms = self._terms
        return (
            (terms.can is None or lane.needs <= terms.can)
            and (terms.among is None or self._repositories[lane.repository] < terms.among.get(lane.repository, 0))
            and (terms.per_user is None or self._users[lane.user] < terms.per_user)
            and (terms.in_all is None or self._users.total() < terms.in_all)
        )

    def _key(self, line: Line, job: Waiting) -> tuple[float, ...]:
        # Asked of each line for each claim.
        lane, served_at, user_served_at = line.lane, line.served_at, line.user_served_at
        if self._just:
            served_at, user_served_at = self._just.get(lane, served_at), self._just.get(lane.user, user_served_at)
        if self._terms.warm is not None and self._terms.warm == lane.repository:
            served_at -= PATIENCE_S
        of_user, at_home = self._users.get(lane.user, 0), self._homes.get((lane.user, lane.repository), 0)
        return -job.priority, of_user, user_served_at, at_home, served_at, job.number


def _next(line: Line) -> Iterator[Waiting]:
    """Yield the next job of a line, if there is one."""
    if (job := next(line.jobs, None)) is not None:
        yield job
