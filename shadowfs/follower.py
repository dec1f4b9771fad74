"""Follows a user's working tree: one consistent snapshot after another, each of files at rest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from shadowfs.errors import ShadowfsError
from shadowfs.pintable import PinTable
from shadowfs.repin import PinAllAgain, repin
from shadowfs.snapshot import Snapshot
from shadowfs.watcher import PollingWatcher, Watcher, watch

# A burst of saves is over when nothing has come for so long ...
_QUIET_S = 0.05
# ... but who never stops is not waited for.
_BURST_S = 0.3
# git holds its index's lock while it checks out: what is there before is half of two states. A lock that stays is a killed git's.
_LOCKED_S = 5.0
# What cannot be pinned is tried again at the next save, and after so long without one.
_AGAIN_S = 2.0
_ROUNDS = 3
_TICK_S = 0.02

Pin = Callable[[], Snapshot]


class Follower:
    """Makes newer snapshots of the working tree that `snapshot` is of; `pin` pins all of it.

    Each snapshot is its caller's to forget. `trouble` says why the tree cannot be pinned at the moment, empty where it can.
    """

    def __init__(self, snapshot: Snapshot, pin: Pin) -> None:
        self.trouble = ""
        self._pin = pin
        self._snapshot = snapshot
        self._table = PinTable.load(snapshot.pin)
        self._git_dir = _git_dir(snapshot.repository)
        self._head = self._read_head()
        self._since: float | None = None
        self._again = 0.0
        self._watcher: Watcher = watch(snapshot.repository, self._skips)
        # What changed between the pin and the watch is not known.
        self._watcher.lost = True

    @property
    def snapshot(self) -> Snapshot:
        """Return the newest snapshot so far."""
        return self._snapshot

    @property
    def notified(self) -> bool:
        """Say whether the kernel tells what changes, so that nothing has to be looked for."""
        return not isinstance(self._watcher, PollingWatcher)

    def next(self, wait_s: float = 0.0) -> Snapshot | None:
        """Return a newer snapshot, waiting `wait_s` seconds for a change at most; None where nothing has changed.

        A change that has just come is waited for to be whole, a few hundredths of a second longer if need be. None comes
        before the time is over where there is `trouble`: what failed is tried again by later calls.
        """
        until = time.monotonic() + wait_s
        timeout_s = 0.0
        while True:
            self._look(timeout_s)
            due_s = self._tried_s()
            if due_s == 0.0:
                newer = self._advance()
                if newer is not None or self.trouble:
                    return newer
                due_s = self._tried_s()
            left_s = until - time.monotonic()
            if left_s <= 0 and (due_s is None or due_s > _QUIET_S):
                return None
            timeout_s = left_s if due_s is None else min(due_s, max(left_s, _QUIET_S))
            if self._watcher.writing():
                timeout_s = min(timeout_s, _QUIET_S)

    def newest(self) -> Snapshot:
        """Return a snapshot of everything as it is now, head and ignored files included. Raises as `pin`."""
        self._look(0.0)
        while due_s := self._due_s():
            self._look(due_s)
        self._watcher.changed.clear()
        return self._all()

    def close(self) -> None:
        """Stop following. Safe to call twice."""
        self._watcher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _skips(self, path: bytes) -> bool:
        roots = self._table.ignored
        return path in roots or any(path.startswith(root + b"/") for root in roots)

    def _look(self, timeout_s: float) -> None:
        try:
            self._watcher.look(timeout_s)
        except OSError:
            # More directories came than may be watched.
            self._watcher.close()
            self._watcher = PollingWatcher(self._snapshot.repository, self._skips)
            self._watcher.lost = True

    def _due_s(self) -> float | None:
        """Return in how many seconds a newer snapshot may be made; None where nothing has changed."""
        if not self._watcher.lost and not self._watcher.changed - self._watcher.writing():
            self._since = None
            return None
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        if now - self._since < _LOCKED_S and (self._git_dir / "index.lock").exists():
            return _TICK_S
        return max(0.0, min(self._watcher.last + _QUIET_S, self._since + _BURST_S) - now)

    def _tried_s(self) -> float | None:
        """Return as `_due_s`, and where nothing has changed in how many seconds what failed is tried again."""
        due_s = self._due_s()
        return max(0.0, self._again - time.monotonic()) if due_s is None and self.trouble else due_s

    def _advance(self) -> Snapshot | None:
        """Pin what changed; None where that is nothing, or cannot be pinned now."""
        before = self._snapshot
        paths = self._watcher.changed - self._watcher.writing()
        self._watcher.changed -= paths
        self._since = None
        try:
            if self._watcher.lost or self.trouble:
                return self._unless_same(before, self._all())
            head, after = self._read_head(), self._some(paths)
            # The files of another branch show at once; all is pinned, and the branch known, after that.
            self._watcher.lost = head != self._head
            return self._unless_same(before, after)
        except PinAllAgain:
            self._watcher.lost = True
            return None
        except (ShadowfsError, OSError) as error:
            # A full disk, a file that nobody may read now: whatever it is, the snapshot before holds on.
            self.trouble, self._watcher.lost = str(error), False
            self._again = time.monotonic() + _AGAIN_S
            return None

    def _unless_same(self, before: Snapshot, after: Snapshot) -> Snapshot | None:
        if after is before:
            return None
        if (after.tree, after.head, after.ignored) != (before.tree, before.head, before.ignored):
            return after
        after.forget()
        self._snapshot = before
        return None

    def _all(self) -> Snapshot:
        """Pin everything, while nobody writes if that comes soon."""
        for _ in range(_ROUNDS):
            head, self._watcher.lost = self._read_head(), False
            after = self._pin()
            self._look(0.0)
            if not self._watcher.writing():
                break
            after.forget()
            self._look(_QUIET_S)
        else:
            after = self._pin()
        roots = set(self._table.ignored)
        self._snapshot, self._table, self._head, self.trouble = after, PinTable.load(after.pin), head, ""
        for root in roots ^ set(self._table.ignored):
            self._watcher.turn(root)
        return after

    def _some(self, paths: set[bytes]) -> Snapshot:
        """Pin what is at these paths, unless somebody began to write there meanwhile: then what was there before holds on."""
        for _ in range(_ROUNDS):
            after, table = repin(self._snapshot, self._table, paths)
            self._look(0.0)
            torn = {path for path in paths if any(_is_below(file, path) for file in self._watcher.writing())}
            if after is self._snapshot or not torn:
                self._snapshot, self._table = after, table
                return after
            after.forget()
            self._watcher.changed |= torn
            paths = paths - torn
        self._watcher.changed |= paths
        return self._snapshot

    def _read_head(self) -> bytes:
        try:
            return (self._git_dir / "HEAD").read_bytes()
        except OSError:
            return b""


def _is_below(file: bytes, path: bytes) -> bool:
    return file == path or file.startswith(path + b"/")


def _git_dir(repository: Path) -> Path:
    """Return where a working tree's index and head are."""
    place = repository / ".git"
    if place.is_dir():
        return place
    return repository / os.fsdecode(place.read_bytes().removeprefix(b"gitdir: ").rstrip(b"\n"))
