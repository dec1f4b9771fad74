"""Watching: what a worker does, told to the editor; and the lock on saving, held for the files that the attempt works on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from orchestrator.lease import Owner
from orchestrator.plain import one_line
from orchestrator.records import Event
from orchestrator.savelock import SaveLock
from shadowfs import RepoPath

_QUIET = ("done",)
_WRITES = ("write", "delete")


@dataclass(slots=True)
class Watching:
    """Sees the events of a ticket's job, in the thread that works. `files` are held from the start of an attempt on, where there is a `lock`.

    What a command writes while it runs is not seen: of its files those alone are held.
    """

    report: Callable[[str], object]
    ticket: str
    files: tuple[RepoPath, ...] = ()
    lock: SaveLock | None = None
    owner: Owner = field(default_factory=Owner.here)
    _attempt: int = 0
    _taken: set[RepoPath] = field(default_factory=set)

    def __call__(self, event: Event) -> None:
        # Where the loop has ended by now, nobody listens; and a lock that only warns is worth no job.
        with suppress(RuntimeError, OSError):
            if event.kind not in _QUIET:
                self.report(f"{event.kind}: {one_line(event.text, 200)}")
            if self.lock is not None:
                self._hold(self.lock, event)

    def _hold(self, lock: SaveLock, event: Event) -> None:
        for path in lock.taken(self.ticket):
            if path not in self._taken:
                self._taken.add(path)
                self.report(f"saved: the lock on {one_line(path)} was taken back")
        if event.kind == "attempt":
            self._attempt += 1
            self._take(lock, self.files)
        elif event.kind == "step" and self._attempt:
            verb, _, path = event.text.partition(" ")
            if verb in _WRITES and path:
                self._take(lock, (path,))
        elif event.kind in ("verify", "done"):
            # What is judged is sealed: nothing of the user's can be in its way any more.
            lock.release(self.ticket)

    def _take(self, lock: SaveLock, files: Iterable[RepoPath]) -> None:
        # What was taken back is never asked for again.
        wanted = tuple(path for path in files if path not in self._taken)
        lock.hold(self.ticket, self._attempt, wanted, self.owner)
