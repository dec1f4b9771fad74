"""A store that kills its process at a boundary of the journal, a little later in each life, and writes down where that was."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.dispatch.fairness import ANY, Terms
from orchestrator.store import Lease
from orchestrator.store.sql.store import SqlStore

WRITES = ("record", "end", "put_attempt", "begin", "finish", "put_verdict", "put_outgoing", "deliver")
_FURTHEST = 9
"""In a life a job dies at one of so many writes: later ones come first in a later life."""


@dataclass(frozen=True, slots=True)
class Book:
    """A folder of what happened, which processes that die add to. `kills` is how many deaths there may be."""

    folder: Path
    kills: int

    def note(self, what: str, **told: object) -> None:
        """Append a line: it is there whatever dies next."""
        who = f"{os.getpid()} {threading.get_ident()}"
        line = json.dumps({"at": time.time(), "who": who, "what": what, **told}).encode() + b"\n"
        file = os.open(self.folder / what, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, line)
        os.close(file)

    def told(self, what: str) -> list[dict[str, Any]]:
        """Return the lines of one kind."""
        file = self.folder / what
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def draw(self) -> int:
        """Return the write at which the life that begins is to end; 0 for none."""
        with (self.folder / "drawn").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            lives = len(file.read())
            file.write(".")
        return 0 if len(self.told("deaths")) >= self.kills else lives % _FURTHEST + 1


class DeadlyStore(SqlStore):
    """Each life of a job ends at a write that is drawn when it is claimed; before it at even ones, after it at odd ones."""

    def __init__(self, url: str, book: Book) -> None:
        super().__init__(url)
        self._book = book
        self._lives: dict[int, list[int]] = {}
        self._deaths = threading.Lock()

    def claim(self, owner: str, lease_s: float, number: int | None = None, terms: Terms = ANY) -> Lease | None:
        lease = super().claim(owner, lease_s, number, terms)
        if lease is not None:
            self._book.note("claims", job=lease.job, fence=lease.fence)
            self._lives[lease.job] = [self._book.draw(), 0]
        return lease

    def __getattribute__(self, name: str) -> Any:
        method = super().__getattribute__(name)
        return self._dying(name, method) if name in WRITES else method

    def _dying(self, name: str, method: Any) -> Any:
        def write(*args: Any, **given: Any) -> Any:
            # What is delivered has no lease any more; all else is told under one.
            job = args[0].job if isinstance(args[0], Lease) else self._job_of_delivery(args[0])
            life = self._lives.get(job, [0, 0])
            life[1] += 1
            dies = life[0] == life[1]
            if dies and life[0] % 2 == 0:
                self._die(job, name, "before")
            result = method(*args, **given)
            if name == "finish":
                self._book.note("kept", job=job)
            if dies and life[0] % 2:
                self._die(job, name, "after")
            return result

        return write

    def _job_of_delivery(self, row: int) -> int:
        return next(job for job in self._lives if any(each.id == row for each in self.outgoing(job)))

    def _die(self, job: int, name: str, side: str) -> None:
        # Of two jobs in a process one is the first.
        with self._deaths:
            self._book.note("deaths", job=job, write=name, side=side)
            os.kill(os.getpid(), signal.SIGKILL)
