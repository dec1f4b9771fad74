"""Eviction: what the hub has goes when room is wanted, the longest unused first; what is used, or nowhere else, stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

from shadowfs import CopyDriver, Hub, Snapshot, evict, pin, remove_evicted, snapshot_loads
from tests.shadowfs.repositories import make


def pinned(tmp_path: Path, name: str, age_s: float = 5000.0) -> Snapshot:
    """Return a snapshot whose depot was used some time ago, and that a hub has as the job `name`."""
    snapshot = pin(make(tmp_path / name), tmp_path / "state")
    snapshot.depot.keep(f"jobs/{name}/base", snapshot.tree)
    hub = Hub(str(tmp_path / "hub.git"))
    hub.make()
    hub.send(snapshot.depot, name, snapshot_loads(snapshot))
    aged(snapshot.depot.path, age_s)
    return snapshot


def aged(depot: Path, age_s: float) -> None:
    (depot / "used").touch()
    os.utime(depot / "used", (time.time() - age_s,) * 2)


def test_the_one_that_was_not_used_for_longest_goes_with_its_pins_until_there_is_room(tmp_path: Path) -> None:
    state = tmp_path / "state"
    old, older = pinned(tmp_path, "old", 2000.0), pinned(tmp_path, "older", 4000.0)
    took = sum(file.lstat().st_blocks * 512 for file in old.depot.path.rglob("*") if file.is_file())
    assert evict(state, 10 * took, ()) == []
    assert evict(state, took, ()) == [older.depot.path.name]
    assert not older.pin.parent.exists() and old.pin.exists()
    assert evict(state, 0, ()) == [old.depot.path.name]
    remove_evicted(state)
    assert list((state / "depots").iterdir()) == []


def test_what_is_in_use_or_nowhere_else_stays(tmp_path: Path) -> None:
    state = tmp_path / "state"
    leased, lent, fresh = pinned(tmp_path, "leased"), pinned(tmp_path, "lent"), pinned(tmp_path, "fresh", 1.0)
    own, shelved = pinned(tmp_path, "own"), pinned(tmp_path, "shelved")
    own.depot.keep("jobs/261120-before/base", own.tree)
    shelved.depot.keep("shelf/one", shelved.tree)
    with CopyDriver(state).create(lent):
        assert evict(state, 0, {leased.depot.path.name}) == []
    assert evict(state, 0, {leased.depot.path.name}) == [lent.depot.path.name]
    assert fresh.depot.path.exists()


def test_what_a_killed_process_had_begun_to_remove_goes_and_holds_up_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    old = pinned(tmp_path, "old")
    rest = state / "depots" / ".gone-other-0123.git"
    (rest / "objects").mkdir(parents=True)
    os.utime(rest, (time.time() - 9000.0,) * 2)
    assert evict(state, 0, ()) == [old.depot.path.name]
    remove_evicted(state)
    assert list((state / "depots").iterdir()) == []


def test_a_depot_that_was_just_pinned_into_stays(tmp_path: Path) -> None:
    old = pinned(tmp_path, "old")
    pin(old.repository, tmp_path / "state")
    assert evict(tmp_path / "state", 0, ()) == []
