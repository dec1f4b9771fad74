"""The user's working tree is found wherever one asks, or the answer says what to do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from shadowfs import NotPinnable, pin
from shadowfs.worktree import find
from tests.shadowfs.pinning import contents, pinned
from tests.shadowfs.repositories import FILES, git, make, write


def refused(directory: Path, tmp_path: Path) -> str:
    with pytest.raises(NotPinnable) as raised:
        pin(directory, tmp_path / "state")
    assert not list((tmp_path / "state").glob("pins/*"))
    return str(raised.value)


def test_what_cannot_be_pinned_says_why_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    assert "run `git init`" in refused(tmp_path / "plain", tmp_path)
    assert "no directory" in refused(tmp_path / "nowhere", tmp_path)
    (tmp_path / "unborn").mkdir()
    git(tmp_path / "unborn", "init", "--quiet")
    assert "no commit yet" in refused(tmp_path / "unborn", tmp_path)
    repository = make(tmp_path / "r")
    assert "inside a git directory" in refused(repository / ".git", tmp_path)
    git(tmp_path, "clone", "--quiet", "--bare", str(repository), str(tmp_path / "bare.git"))
    assert "bare repository" in refused(tmp_path / "bare.git", tmp_path)


def test_an_unfinished_merge_is_refused(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    git(repository, "checkout", "--quiet", "-b", "other")
    write(repository, {"README.md": b"theirs\n"})
    git(repository, "commit", "--quiet", "--all", "--message=theirs")
    git(repository, "checkout", "--quiet", "main")
    write(repository, {"README.md": b"ours\n"})
    git(repository, "commit", "--quiet", "--all", "--message=ours")
    subprocess.run(["git", "-C", repository, "merge", "--quiet", "other"], check=False, capture_output=True)
    assert "unmerged files (README.md)" in refused(repository, tmp_path)


def test_a_state_inside_the_repository_is_refused(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    with pytest.raises(NotPinnable, match="--state"):
        pin(repository, repository / "state")


def test_a_repository_of_another_user_is_refused_clearly(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory to somebody else")
    repository = make(tmp_path / "r")
    os.chown(repository, 12345, 12345)
    os.chown(repository / ".git", 12345, 12345)
    said = refused(repository, tmp_path)
    assert "another user" in said and f"safe.directory '{repository}'" in said


def test_any_directory_inside_finds_the_tree(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    assert pin(repository / "pkg/deep", tmp_path / "state").repository == repository


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_the_top_directory_finds_what_git_says_from_below(tmp_path: Path, object_format: str) -> None:
    repository = make(tmp_path / "r", FILES, f"--object-format={object_format}")
    git(repository, "branch", "side/way")
    git(repository, "worktree", "add", "--quiet", str(tmp_path / "linked"), "side/way")
    git(repository, "worktree", "add", "--quiet", "--detach", str(tmp_path / "bare-headed"))
    git(repository, "config", "core.ignoreCase", "true")
    for root in (repository, tmp_path / "linked", tmp_path / "bare-headed"):
        assert find(root, {}) == find(root / "pkg/deep", {})
    git(repository, "pack-refs", "--all")
    assert find(repository, {}) == find(repository / "pkg/deep", {})


def test_a_repository_whose_files_lie_elsewhere_is_found_as_git_finds_it(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    (tmp_path / "files").mkdir()
    git(repository, "config", "core.worktree", str(tmp_path / "files"))
    assert "inside a git directory" in refused(repository, tmp_path)


def test_a_detached_head_has_no_branch(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    git(repository, "checkout", "--quiet", "--detach")
    write(repository, {"x": b"x"})
    snapshot = pinned(repository, tmp_path)
    assert snapshot.branch is None
    assert f"uncommitted work at {snapshot.head[:12]}" in snapshot.depot.read_commit(snapshot.base).decode()


def test_a_linked_worktree_is_pinned(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    git(repository, "worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "side")
    write(tmp_path / "linked", {"README.md": b"linked\n"})
    snapshot = pinned(tmp_path / "linked", tmp_path)
    assert (snapshot.branch, snapshot.repository) == ("side", tmp_path / "linked")
    assert contents(snapshot)["README.md"] == b"linked\n"


def test_the_users_global_ignore_file_counts(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    write(tmp_path / "home", {".config/git/ignore": b"*.swp\n", ".gitconfig": b"", "elsewhere": b"*.bak\n"})
    write(repository, {"x.swp": b"x", "x.bak": b"x"})
    environ = {"HOME": str(tmp_path / "home")}
    assert pin(repository, tmp_path / "state", environ=environ).ignored == ("x.swp",)
    (tmp_path / "home/.gitconfig").write_text("[core]\nexcludesFile = ~/elsewhere\n")
    assert pin(repository, tmp_path / "state", environ=environ).ignored == ("x.bak",)
