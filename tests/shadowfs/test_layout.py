"""What the layout of a repository says is what git says; where it does not, nothing is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadowfs.layout import Layout
from tests.shadowfs.repositories import git, make


def told(root: Path) -> tuple[str, str, str, str]:
    """Return what git says: its directory, the shared one, the commit, the branch."""
    args = ("rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir", "HEAD")
    git_dir, common_dir, head = git(root, *args).decode().splitlines()
    return git_dir, common_dir, head, git(root, "branch", "--show-current").decode()


def seen(root: Path) -> tuple[str, str, str | None, str]:
    layout = Layout.of(root)
    assert layout is not None
    return str(layout.git_dir), str(layout.common_dir), layout.head(), layout.branch or ""


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_a_branch_is_found_loose_packed_and_detached(tmp_path: Path, object_format: str) -> None:
    repository = make(tmp_path / "r", {"a": b"1"}, f"--object-format={object_format}")
    git(repository, "branch", "main-2")
    assert seen(repository) == told(repository)
    git(repository, "pack-refs", "--all", "--prune")
    assert seen(repository) == told(repository)
    git(repository, "commit", "--quiet", "--allow-empty", "--message=second")
    assert seen(repository) == told(repository)
    git(repository, "checkout", "--quiet", "--detach", "HEAD^")
    assert seen(repository) == told(repository)


def test_a_linked_tree_has_a_directory_of_its_own_and_shares_one(tmp_path: Path) -> None:
    repository = make(tmp_path / "r", {"a": b"1"})
    git(repository, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"))
    git(tmp_path / "linked", "commit", "--quiet", "--allow-empty", "--message=second")
    assert seen(tmp_path / "linked") == told(tmp_path / "linked") != told(repository)


def test_a_branch_without_a_commit_has_no_head(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    layout = Layout.of(tmp_path)
    assert layout is not None and layout.head() is None
    (tmp_path / ".git/HEAD").write_text("ref: refs/heads/../../config\n")
    assert layout.head() is None


def test_what_is_no_repository_has_no_layout(tmp_path: Path) -> None:
    assert Layout.of(tmp_path) is None
    (tmp_path / ".git").mkdir()
    assert Layout.of(tmp_path) is None
    (tmp_path / ".git").rmdir()
    for link in (b"", b"elsewhere", b"gitdir: gone\n"):
        (tmp_path / ".git").write_bytes(link)
        assert Layout.of(tmp_path) is None


def test_a_repository_that_says_how_it_is_shared_is_left_to_git(tmp_path: Path) -> None:
    repository = make(tmp_path / "r", {"a": b"1"})
    layout = Layout.of(repository)
    assert layout is not None and not layout.is_shared()
    for name, value in (("core.sharedRepository", "group"), ("include.path", "more")):
        git(repository, "config", name, value)
        assert layout.is_shared()
        git(repository, "config", "--unset", name)
        assert not layout.is_shared()


def test_what_belongs_to_this_user_is_trusted_where_no_link_leads_there(tmp_path: Path) -> None:
    repository = make(tmp_path / "r", {"a": b"1"})
    layout = Layout.of(repository)
    assert layout is not None and layout.is_ours(repository)
    (repository / ".git").rename(tmp_path / "elsewhere")
    (repository / ".git").symlink_to(tmp_path / "elsewhere")
    assert not layout.is_ours(repository)
