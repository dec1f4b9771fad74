"""What recent commits changed, read from the user's own history, whatever subjects and paths look like."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadowfs import DepotError, Past, PastCommit, pin
from tests.shadowfs.repositories import git, make, write


def commit(repository: Path, subject: str, *paths: str) -> str:
    write(repository, {path: subject.encode() for path in paths})
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", f"--message={subject}")
    return git(repository, "rev-parse", "HEAD").decode()


def test_commits_come_newest_first_with_what_they_changed(tmp_path: Path) -> None:
    repository = make(tmp_path / "r", {"a.py": b"1\n"})
    ids = [
        commit(repository, "both", "a.py", "b\udce9.py"),
        commit(repository, "nothing"),
        commit(repository, "odd \x01 subject", "\nnew line.py", "x/deep.py"),
        commit(repository, "looks like a commit", "0.py", "a" * 40, "b" * 40),
        commit(repository, "renamed", "last.py"),
    ][::-1]
    snapshot = pin(repository, tmp_path / "state")
    past = Past.of(snapshot)
    first = git(repository, "rev-list", "--max-parents=0", "HEAD").decode()
    assert past.first(snapshot.head) == first
    assert past.recent(snapshot.head, 99) == [*ids, first]
    assert past.recent(snapshot.head, 2) == ids[:2]
    found = list(past.changed([*ids, first]))
    assert [each.id for each in found] == [*ids, first]
    assert found[0] == PastCommit(ids[0], "renamed", ("last.py",))
    assert found[1].paths == ("0.py", "a" * 40, "b" * 40)
    assert found[2] == PastCommit(ids[2], "odd \x01 subject", ("\nnew line.py", "x/deep.py"))
    assert found[3].paths == ()
    assert found[4] == PastCommit(ids[4], "both", ("a.py", "b\udce9.py"))
    assert found[5] == PastCommit(first, "first", ("a.py",))


def test_a_shallow_history_ends_where_it_ends(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole", {"a.py": b"1\n"})
    commit(whole, "two", "b.py")
    last = commit(whole, "three", "c.py")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{whole}", "part")
    snapshot = pin(tmp_path / "part", tmp_path / "state")
    past = Past.of(snapshot)
    assert past.first(snapshot.head) == last
    assert past.recent(snapshot.head, 99) == [last]
    assert list(past.changed([last])) == [PastCommit(last, "three", ("a.py", "b.py", "c.py"))]


def test_a_commit_that_is_not_there_is_said(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    with pytest.raises(DepotError, match="f" * 40):
        list(Past(repository / ".git").changed(["f" * 40]))
