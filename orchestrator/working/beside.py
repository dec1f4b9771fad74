"""Beside the user: an attempt's shadow follows what he saves; what it has of its own is put onto the newest of that in the end.

Where both changed the same lines nobody guesses: the change stays on an older state of the user's files, and that is told.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from orchestrator.store.codec import decode
from orchestrator.working.journal import Journal
from shadowfs import Change, Depot, Entry, Follower, RepoPath, Shadow, Snapshot, merge, rewind

LINK = 0o120000
SHOWN = 3
Files = dict[RepoPath, Entry | None]
"""Entries by path; None: no file there."""


@dataclass(frozen=True, slots=True)
class State:
    """One state of the user's files: the commit that has them, the head and branch it is on, and its tree with the ticket's tests."""

    commit: str
    head: str
    branch: str | None
    base: str

    @classmethod
    def of(cls, snapshot: Snapshot, base: str) -> Self:
        """Return the state that a snapshot is of."""
        return cls(snapshot.base, snapshot.head, snapshot.branch, base)


@dataclass(frozen=True, slots=True)
class Put:
    """Where a change stands in the end: the snapshot and the base it is of, its tree, and what is to be told of that.

    Where it `fits` nowhere it is left as it was.
    """

    snapshot: Snapshot
    base: str
    tree: str
    told: str = ""
    fits: bool = True


@dataclass(slots=True)
class FollowedJournal(Journal):
    """The journal of a shadow that follows: each tree that a step leaves behind is kept with the base that it belongs to."""

    base: str = ""

    def finish(self, number: int, outcome: Mapping[str, object]) -> None:
        """Write what a step did."""
        Journal.finish(self, number, {**outcome, "base": self.base} if "tree" in outcome else outcome)

    def left(self, base: str) -> tuple[str, str]:
        """Return the base and the tree of the last step that left one behind, `base` for both where none did."""
        pairs = [(step.data["base"], step.data["tree"]) for step in self.completed() if "tree" in step.data]
        return (str(pairs[-1][0]), str(pairs[-1][1])) if pairs else (base, base)


@dataclass(slots=True)
class Beside:
    """Keeps one shadow with the user. `state` is the one that the shadow's own versions are compared with.

    `own` are the versions that an earlier life left, which the shadow was made with; `origins` what there was where the user
    changed a file that the shadow has a version of, when that began; `before` the states just before he did.
    """

    state: State
    shadow: Shadow
    steps: FollowedJournal
    follower: Follower
    added: Mapping[RepoPath, Entry]
    emit: Callable[[str, str], None]
    own: Files
    first: str
    """The id of the snapshot that others hold too, and that stays."""
    wrote: Callable[[list[RepoPath]], None] = lambda _: None
    """Told what the user changed in the shadow."""
    origins: Files = field(default_factory=dict)
    before: list[State] = field(default_factory=list)
    _trouble: str = ""
    _thread: int = field(default_factory=threading.get_ident)

    @classmethod
    def begin(
        cls,
        shadow: Shadow,
        steps: FollowedJournal,
        pin: Callable[[], Snapshot],
        *,
        left: tuple[str, str],
        added: Mapping[RepoPath, Entry],
        emit: Callable[[str, str], None],
    ) -> Self:
        """Follow with a shadow that was made of what an earlier life `left`: a base, and the tree on it with its own versions."""
        snapshot = shadow.snapshot
        steps.base, tree = left
        own: Files = {file.path: file.after for file in snapshot.depot.change(*left).files} if tree != left[0] else {}
        beside = cls(State.of(snapshot, left[0]), shadow, steps, Follower(snapshot, pin), added, emit, own, snapshot.id)
        for step in steps.completed():
            if step.kind == "follow":
                now = _state_of(step.data["now"])
                if "origins" in step.data:
                    beside._clash(_state_of(step.data["was"]), _files_of(step.data["origins"]))
                if now.base == left[0]:
                    beside.state = now
        return beside

    def follow(self) -> None:
        """Move the shadow to what the user saved, where he did, on the attempt's own thread alone.

        Others pay for a model's calls while that one runs tests, which are of one state of the files.
        """
        if threading.get_ident() != self._thread:
            return
        newer = self.follower.next()
        if newer is not None:
            self._move(newer)
        self._tell_trouble()

    def base(self) -> str:
        """Return the tree that the shadow's own versions are compared with now."""
        return self.state.base

    def settled(self) -> str:
        """Move the shadow to all that the user has saved by now, and return that base."""
        self._move(self.follower.newest())
        return self.state.base

    def put(self, change: Change) -> Put:
        """Return the shadow's change on the newest state that it fits onto, one file after another."""
        newest = self.shadow.snapshot
        conflicts: tuple[RepoPath, ...] = ()
        for state in (self.state, *reversed(self.before)):
            files, clashing = self._onto(state, change)
            if not clashing:
                told = _told(sorted(files.keys() & self.origins.keys()), conflicts)
                snapshot = rewind(newest, state.commit, state.head, state.branch) if conflicts else newest
                return Put(snapshot, state.base, self._depot.graft(state.base, files), told)
            conflicts = conflicts or clashing
        return Put(newest, self.state.base, change.tree, _told([], conflicts), fits=False)

    def close(self) -> None:
        """Stop following."""
        self.follower.close()

    @property
    def _depot(self) -> Depot:
        return self.shadow.snapshot.depot

    def _move(self, newer: Snapshot) -> None:
        base = self._depot.graft(newer.tree, self.added) if self.added else newer.tree
        changed = self._depot.change(self.state.base, base)
        was, now = self.state, State.of(newer, base)
        told = {"paths": list(changed.paths())[:100], "was": was, "now": now}
        number = self.steps.begin("follow", told)
        old = self.shadow.snapshot
        moved = self.shadow.move(newer, self._depot.graft(base, self.own) if self.own else base)
        if old.id != self.first:
            old.forget()
        shared = {*moved.kept, *self.own} - self.origins.keys()
        origins = {file.path: file.before for file in changed.files if file.path in shared}
        if origins:
            self._depot.keep(f"followed/{was.commit}", was.commit)
            self._clash(was, origins)
        self.state = now
        self.steps.base = base
        self.steps.finish(number, {"origins": origins} if origins else {})
        self._tell(changed, origins)

    def _clash(self, state: State, origins: Files) -> None:
        self.before.append(state)
        for path, entry in origins.items():
            self.origins.setdefault(path, entry)

    def _tell_trouble(self) -> None:
        if self.follower.trouble != self._trouble:
            self._trouble = self.follower.trouble
            if self._trouble:
                self.emit("saved", f"what you save is not followed now: {self._trouble}")

    def _tell(self, changed: Change, origins: Files) -> None:
        paths = list(changed.paths())
        if not paths:
            return
        self.wrote(paths)
        also = f"; the shadow has its own version of {_some(list(origins))}" if origins else ""
        self.emit("saved", f"you saved {_some(paths)}{also}")

    def _onto(self, state: State, change: Change) -> tuple[Files, tuple[RepoPath, ...]]:
        """Return what the shadow's own files are on a state of the user's, and those that cannot be both."""
        theirs = self._depot.entries(state.base)
        files: Files = {}
        clashing = []
        for file in change.files:
            origin = self.origins.get(file.path, file.before)
            try:
                files[file.path] = _merged(self._depot, origin, file.after, theirs.get(file.path))
            except _Conflict:
                clashing.append(file.path)
        return files, tuple(clashing)


class _Conflict(Exception):
    """Both changed the same."""


def _merged(depot: Depot, origin: Entry | None, ours: Entry | None, theirs: Entry | None) -> Entry | None:
    """Return a file with what changed on both sides since `origin`."""
    if origin == theirs or ours == theirs:
        return ours
    if origin == ours:
        return theirs
    if origin is None or ours is None or theirs is None or LINK in (origin.mode, ours.mode, theirs.mode):
        raise _Conflict
    merged = merge(depot.read(origin.blob), depot.read(ours.blob), depot.read(theirs.blob))
    if merged is None:
        raise _Conflict
    return Entry(theirs.mode if ours.mode == origin.mode else ours.mode, depot.write(merged))


def _told(merged: list[RepoPath], conflicts: tuple[RepoPath, ...]) -> str:
    if conflicts:
        return f"What was saved meanwhile in {_some(list(conflicts))} changes the same: this stands on what was there before that."
    return f"Merged with what was saved meanwhile in {_some(merged)}." if merged else ""


def _some(paths: list[RepoPath]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(paths[:SHOWN]) + more


def _state_of(value: object) -> State:
    return decode(State, json.dumps(value))


def _files_of(value: Any) -> Files:
    return {path: None if entry is None else Entry(**entry) for path, entry in value.items()}
