"""Where language servers stay warm: a place of their own on a base tree that nobody writes to, kept until another tree is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from orchestrator.places.place import Place
from shadowfs import Depot, RepoPath, Snapshot
from verifier import Found, LanguageSession, WarmServers, start_language_server

REGULAR = (0o100644, 0o100755)


class WarmPlace:
    """Warm language servers on one base tree at a time, for the attempts of a job and, while the tree stays, for jobs after it.

    They run in the same kind of sandbox as those of an attempt, and end with `close` or their owner.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._opened = ExitStack()
        self._of: object = None
        self._servers: WarmServers | None = None

    def servers(
        self, snapshot: Snapshot, base: str, how: object, open: Callable[[], AbstractContextManager[Place]]
    ) -> WarmServers:
        """Return the servers on the tree `base`, in a place that `open` opens where the one that is there is another.

        `how` is what else a place depends on. Raises as `open`.
        """
        wanted = (snapshot.repository, base, snapshot.fingerprint, how)
        if self._servers is None or self._of != wanted:
            self.close()
            place = self._opened.enter_context(open())
            self._servers = WarmServers(_starting(place), files_of(snapshot.depot, base), self._clock)
            self._opened.callback(self._servers.close)
            self._of = wanted
        return self._servers

    def reap(self) -> None:
        """End the servers that nobody has leased for long, and their place with the last."""
        if self._servers is not None and not self._servers.reap():
            self.close()

    def close(self) -> None:
        """End all. Safe to call twice."""
        self._servers = None
        self._opened.close()


def files_of(depot: Depot, tree: str) -> Callable[[RepoPath], bytes | None]:
    """Return what gives the regular files of a tree, None where it has none at a path."""
    entries = None

    def read(path: RepoPath) -> bytes | None:
        nonlocal entries
        entries = depot.entries(tree) if entries is None else entries
        entry = entries.get(path)
        return depot.read(entry.blob) if entry is not None and entry.mode in REGULAR else None

    return read


def _starting(place: Place) -> Callable[..., LanguageSession]:
    def start(found: Found, *, poll: Callable[[], None]) -> LanguageSession:
        return start_language_server(place.sandbox, found, place.shadow.read, poll=poll)

    return start
