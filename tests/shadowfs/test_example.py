"""Commits as examples: what they changed, as texts, whatever history does afterwards."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from shadowfs import ExampleFile, UnknownCommit, commit_example


def git(repository: Path, *args: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    return subprocess.run(["git", *identity, *args], cwd=repository, check=True, capture_output=True, text=True).stdout


def commit(repository: Path, files: dict[str, bytes | None], subject: str) -> str:
    for name, data in files.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink() if data is None else path.write_bytes(data)
    git(repository, "add", "-A", "-f")
    git(repository, "commit", "-q", "-m", subject)
    return git(repository, "rev-parse", "HEAD").strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", ".")
    commit(tmp_path, {"a.py": b"old()\r\n", "b c.py": b"1", "gone.py": b"", ".env": b"KEY=1", "pic": b"\0a"}, "first")
    return tmp_path


def test_a_commit_is_what_its_files_were_before_and_after(repository: Path) -> None:
    files: dict[str, bytes | None] = {"a.py": b"new()\r\n", "b c.py": b"2", "gone.py": None, "made/é.py": b"3"}
    rev = commit(repository, {**files, ".env": b"KEY=2", "pic": b"\0b"}, "old becomes new")
    example = commit_example(repository, "HEAD")
    assert example.name == f"{rev[:10]} (old becomes new)"
    assert example.files == (
        ExampleFile("a.py", b"old()\r\n", b"new()\r\n"),
        ExampleFile("b c.py", b"1", b"2"),
        ExampleFile("gone.py", b"", None),
        ExampleFile("made/é.py", None, b"3"),
    )
    assert [note.partition(" ")[0] for note in example.notes] == [".env", "pic"]


def test_the_first_commit_added_everything_and_patterns_hide_more(repository: Path) -> None:
    example = commit_example(repository, "HEAD", ("b *.py",))
    assert [(file.path, file.before) for file in example.files] == [("a.py", None), ("gone.py", None)]


@pytest.mark.parametrize("rev", ["nowhere", "--help", "HEAD~5", "a b", ""])
def test_what_names_no_commit_is_told_so(repository: Path, rev: str) -> None:
    with pytest.raises(UnknownCommit, match="names no commit"):
        commit_example(repository, rev)
