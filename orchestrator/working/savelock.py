"""The lock on saving, for those who ask for it: which files an attempt works on, so that whoever saves one of them is warned, and can take it back.

It keeps nobody from anything: an editor asks it, and its user decides.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.working.lease import Owner
from shadowfs import RepoPath

POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Held:
    """A row: the files that an attempt holds, since when (Unix time), for the process `owner`; `taken` are those the user took back."""

    ticket: str
    attempt: int
    files: tuple[RepoPath, ...]
    since: float
    owner: str
    taken: tuple[RepoPath, ...] = ()


class SaveLock:
    """The locks on the files of one repository, kept in a file of the state directory. Rows of dead processes hold nothing.

    Safe to use from several threads and processes. Whatever is wrong with the file, nothing is held: a lock that only warns
    must not stand in anybody's way.
    """

    def __init__(self, state: Path, repository: Path, clock: Callable[[], float] = time.time) -> None:
        name = hashlib.sha256(os.fsencode(repository)).hexdigest()[:24]
        self._file = state / "savelocks" / f"{name}.json"
        self._clock = clock

    def hold(self, ticket: str, attempt: int, files: tuple[RepoPath, ...], owner: Owner) -> tuple[RepoPath, ...]:
        """Hold files for an attempt, besides those it holds; return those that were taken back from it before, which it does not get."""
        with self._rows() as rows:
            mine = next((row for row in rows if row.ticket == ticket and row.owner == str(owner)), None)
            row = mine or Held(ticket, attempt, (), self._clock(), str(owner))
            new = tuple(path for path in files if path not in (*row.files, *row.taken))
            rows[:] = [each for each in rows if each is not mine]
            rows.append(replace(row, attempt=attempt, files=(*row.files, *new)))
            return tuple(path for path in files if path in row.taken)

    def release(self, ticket: str) -> None:
        """Let go of all that a ticket's attempt holds."""
        with self._rows() as rows:
            rows[:] = [row for row in rows if row.ticket != ticket]

    def held(self, path: RepoPath) -> Held | None:
        """Return who holds a file, None where nobody does."""
        return next((row for row in self.rows() if path in row.files), None)

    def rows(self) -> tuple[Held, ...]:
        """Return all that is held."""
        return tuple(row for row in _read(self._file) if _alive(row))

    def take_back(self, path: RepoPath | None = None) -> tuple[Held, ...]:
        """Give a file, or all of them, back to the user at once; return the rows as they were. The attempt finds it in `taken`."""
        with self._rows() as rows:
            found = [row for row in rows if path in row.files or (path is None and row.files)]
            for row in found:
                gone = row.files if path is None else (path,)
                rest = tuple(each for each in row.files if each not in gone)
                rows[rows.index(row)] = replace(row, files=rest, taken=(*row.taken, *gone))
            return tuple(found)

    def taken(self, ticket: str) -> tuple[RepoPath, ...]:
        """Return the files that the user took back from a ticket's attempt."""
        return tuple(path for row in self.rows() if row.ticket == ticket for path in row.taken)

    def wait_released(self, path: RepoPath, timeout_s: float, wait: Callable[[float], object] = time.sleep) -> bool:
        """Wait until nobody holds a file; say whether that came within `timeout_s`."""
        ends = time.monotonic() + timeout_s
        while self.held(path) is not None:
            if time.monotonic() >= ends:
                return False
            wait(POLL_S)
        return True

    @contextmanager
    def _rows(self) -> Iterator[list[Held]]:
        """Give the rows of living processes to change, and write them back whole."""
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._file.with_suffix(".flock").open("a") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            was = _read(self._file)
            rows = [row for row in was if _alive(row)]
            yield rows
            if rows != list(was):
                _write(self._file, rows)


def _alive(row: Held) -> bool:
    try:
        return not Owner.parse(row.owner).dead()
    except ValueError:
        return False


def _read(file: Path) -> tuple[Held, ...]:
    try:
        rows = json.loads(file.read_text("utf-8"))
        return tuple(
            Held(
                str(row["ticket"]),
                int(row["attempt"]),
                tuple(map(str, row["files"])),
                float(row["since"]),
                str(row["owner"]),
                tuple(map(str, row["taken"])),
            )
            for row in rows
        )
    except (OSError, ValueError, LookupError, TypeError):
        return ()


def _write(file: Path, rows: list[Held]) -> None:
    # Names that are no UTF-8 have escapes in them, which JSON's own escapes keep.
    made = file.with_suffix(f".{os.getpid()}.new")
    data = [
        {"ticket": row.ticket, "attempt": row.attempt, "files": row.files, "since": row.since, "owner": row.owner, "taken": row.taken}
        for row in rows
    ]  # fmt: skip
    made.write_text(json.dumps(data), "utf-8")
    made.replace(file)
