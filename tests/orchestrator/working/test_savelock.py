"""Who holds which file against saving: across processes, for as long as they live, until its user takes it back."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from orchestrator.working.lease import Owner
from orchestrator.working.savelock import SaveLock

HERE = Owner.here()


@pytest.fixture
def lock(tmp_path: Path) -> SaveLock:
    return SaveLock(tmp_path / "state", tmp_path / "repository", clock=lambda: 5.0)


def test_a_file_is_held_until_it_is_released(lock: SaveLock, tmp_path: Path) -> None:
    assert lock.held("sums.py") is None and lock.rows() == ()
    assert lock.hold("t1", 1, ("sums.py", "no\udcffutf8"), HERE) == ()
    lock.hold("t1", 2, ("sums.py", "more.py"), HERE)
    (row,) = lock.rows()
    assert (row.ticket, row.attempt, row.since) == ("t1", 2, 5.0)
    assert row.files == ("sums.py", "no\udcffutf8", "more.py")
    assert lock.held("more.py") == row and lock.held("other.py") is None
    assert SaveLock(tmp_path / "state", tmp_path / "another").rows() == ()
    assert not lock.wait_released("sums.py", 0.0)
    lock.release("t1")
    assert lock.rows() == () and lock.wait_released("sums.py", 0.0)


def test_what_is_taken_back_is_free_at_once_and_the_attempt_finds_out(lock: SaveLock) -> None:
    lock.hold("t1", 1, ("a.py", "b.py"), HERE)
    (was,) = lock.take_back("a.py")
    assert was.files == ("a.py", "b.py")
    assert lock.held("a.py") is None and lock.held("b.py") is not None
    assert lock.taken("t1") == ("a.py",)
    assert lock.hold("t1", 1, ("a.py", "c.py"), HERE) == ("a.py",), "it does not get it again"
    assert lock.held("a.py") is None
    assert len(lock.take_back()) == 1 and lock.taken("t1") == ("a.py", "b.py", "c.py")
    assert lock.take_back() == () and lock.take_back("a.py") == ()


def test_waiting_ends_once_it_is_released(lock: SaveLock) -> None:
    lock.hold("t1", 1, ("a.py",), HERE)
    assert lock.wait_released("a.py", 60.0, wait=lambda _: lock.take_back("a.py"))


def test_the_dead_hold_nothing(lock: SaveLock) -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    lock.hold("t1", 1, ("a.py",), replace(HERE, pid=child.pid, started="boot:1"))
    assert lock.held("a.py") is None and lock.rows() == ()
    lock.hold("t2", 1, ("b.py",), HERE)
    assert [row.ticket for row in lock.rows()] == ["t2"]


@pytest.mark.parametrize("damage", ["", "{", "[1]", '[{"ticket": "t"}]', "\udcff"])
def test_a_damaged_file_holds_nothing_and_is_mended(lock: SaveLock, tmp_path: Path, damage: str) -> None:
    lock.hold("t1", 1, ("a.py",), HERE)
    (file,) = (tmp_path / "state/savelocks").glob("*.json")
    file.write_bytes(damage.encode("utf-8", "surrogateescape"))
    assert lock.held("a.py") is None
    lock.hold("t1", 1, ("a.py",), HERE)
    assert lock.held("a.py") is not None
    assert [each.suffix for each in sorted(file.parent.iterdir())] == [".flock", ".json"]


def hold_many(state: Path, repository: Path, owner: Owner, name: str) -> None:
    lock = SaveLock(state, repository)
    for number in range(20):
        lock.hold("shared", 1, (f"{name}{number}.py",), owner)


def test_processes_that_hold_at_once_lose_nothing(lock: SaveLock, tmp_path: Path) -> None:
    context = get_context("spawn")
    children = [
        context.Process(target=hold_many, args=(tmp_path / "state", tmp_path / "repository", HERE, name))
        for name in "ab"
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]
    (row,) = lock.rows()
    assert sorted(row.files) == sorted(f"{name}{number}.py" for name in "ab" for number in range(20))
