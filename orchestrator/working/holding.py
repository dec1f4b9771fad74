"""Holding: the lock on saving, held for the files that a job's attempts work on, as its events tell of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from orchestrator.plain import one_line
from orchestrator.records import Event, Watch
from orchestrator.working.lease import Owner
from orchestrator.working.savelock import SaveLock
from shadowfs import RepoPath

_WRITES = ("write", "delete")


@dataclass(slots=True)
class Holding:
    """Hands events of one job on to `watch`, in the thread that works, and holds the lock meanwhile.

    `ticket_of` returns the ticket of a job's number; `files` are held from the start of an attempt on. What a command writes
    while it runs is not seen: of its files those alone are held.
    """

    watch: Watch
    lock: SaveLock
    ticket_of: Callable[[int], str]
    files: tuple[RepoPath, ...] = ()
    owner: Owner = field(default_factory=Owner.here)
    _attempt: int = 0
    _taken: set[RepoPath] = field(default_factory=set)

    def __call__(self, event: Event) -> None:
        self.watch(event)
        # A lock that only warns is worth no job.
        with suppress(OSError):
            self._follow(event)

    def _follow(self, event: Event) -> None:
        ticket = self.ticket_of(event.job)
        for path in self.lock.taken(ticket):
            if path not in self._taken:
                self._taken.add(path)
                self.watch(replace(event, kind="saved", text=f"the lock on {one_line(path)} was taken back"))
        if event.kind == "attempt":
            self._attempt += 1
            self._take(ticket, self.files)
        elif event.kind == "step" and self._attempt:
            verb, _, path = event.text.partition(" ")
            if verb in _WRITES and path:
                self._take(ticket, (path,))
        elif event.kind in ("verify", "done"):
            # What is judged is sealed: nothing of the user's can be in its way any more.
            self.lock.release(ticket)

    def _take(self, ticket: str, files: Iterable[RepoPath]) -> None:
        # What was taken back is never asked for again.
        wanted = tuple(path for path in files if path not in self._taken)
        self.lock.hold(ticket, self._attempt, wanted, self.owner)
