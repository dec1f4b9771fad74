"""Earlier texts of a file: out of the user's own history, which the depot lacks, in the shapes that histories come in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from shadowfs import NotPinnable, Snapshot, earlier_texts, pin
from shadowfs.earlier import COMMITS, LARGE_BYTES
from tests.shadowfs.repositories import git, make, write


def commit(repository: Path, path: str, *texts: str) -> None:
    """Commit a file's texts, one after the other."""
    for text in texts:
        write(repository, {path: text.encode()})
        git(repository, "add", "--", path)
        git(repository, "commit", "--quiet", "--allow-empty", "--message=change")


def told(snapshot: Snapshot, path: str, most: int = 4) -> list[str]:
    return [text.decode() for text in earlier_texts(snapshot, path, most)]


def test_texts_come_latest_first_and_the_history_stays_where_it_is(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    commit(repository, "a b\udce9.py", "1", "2", "2", "3", "4")
    commit(repository, "other.py", "x", "y")
    write(repository, {"a b\udce9.py": b"not committed"})
    snapshot = pin(repository, tmp_path / "state")
    before = git(snapshot.depot.path, "count-objects")
    assert told(snapshot, "a b\udce9.py") == ["4", "3", "2", "1"]
    assert told(snapshot, "a b\udce9.py", most=2) == ["4", "3"]
    assert told(snapshot, "other.py") == ["y", "x"]
    assert told(snapshot, "*.py") == told(snapshot, "missing.py") == []
    assert git(snapshot.depot.path, "count-objects") == before


def test_only_so_many_commits_and_bytes_are_looked_at(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    commit(repository, "old.py", "1", "2")
    commit(repository, "large.py", "1", "2" * (LARGE_BYTES + 1), "3")
    commit(repository, "n", *map(str, range(COMMITS)))
    assert told(pin(repository, tmp_path / "state"), "old.py") == ["2"]
    commit(repository, "large.py", "4")
    git(repository, "checkout", "--quiet", "--detach", "HEAD~1")
    commit(repository, "large.py", "2" * (LARGE_BYTES + 1), "5")
    assert told(pin(repository, tmp_path / "state"), "large.py") == ["5", "3"]


def test_a_shallow_clone_tells_what_it_has(tmp_path: Path) -> None:
    origin = make(tmp_path / "origin")
    commit(origin, "n.py", "1", "2", "3")
    git(tmp_path, "clone", "--quiet", "--depth=2", f"file://{origin}", "clone")
    assert told(pin(tmp_path / "clone", tmp_path / "state"), "n.py") == ["3", "2"]


def test_a_linked_worktree_has_the_history_of_its_repository(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    commit(repository, "n.py", "1", "2")
    git(repository, "worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    assert told(pin(tmp_path / "linked", tmp_path / "state"), "n.py") == ["2", "1"]


def test_a_merge_is_no_change_of_its_own(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    commit(repository, "n.py", "1\n")
    git(repository, "checkout", "--quiet", "-b", "side")
    commit(repository, "n.py", "2\n")
    git(repository, "checkout", "--quiet", "-")
    commit(repository, "m.py", "x")
    git(repository, "merge", "--quiet", "--no-edit", "side")
    assert told(pin(repository, tmp_path / "state"), "n.py") == ["2\n", "1\n"]


def test_a_repository_that_is_gone_is_said_to_be_so(tmp_path: Path) -> None:
    snapshot = pin(make(tmp_path / "r"), tmp_path / "state")
    shutil.rmtree(tmp_path / "r")
    with pytest.raises(NotPinnable):
        earlier_texts(snapshot, "README.md")
