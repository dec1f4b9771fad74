"""Delivery's primitives on real repositories."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shadowfs import (
    Change,
    DepotError,
    Entry,
    FileChange,
    RefusedPath,
    Snapshot,
    check_exportable,
    deliver_objects,
    pin,
    set_branch,
)
from tests.shadowfs.repositories import digest, git, make, write

WHEN = datetime(2026, 11, 20, 12, tzinfo=UTC)


def proposed(snapshot: Snapshot, files: dict[str, bytes]) -> str:
    """Return a commit in the depot, of these files on the snapshot."""
    depot = snapshot.depot
    entries = {path: Entry(0o100644, depot.write(data)) for path, data in files.items()}
    return depot.commit(depot.graft(snapshot.tree, entries), [snapshot.base], "fix it", WHEN)


def test_a_delivered_commit_is_whole_and_fsck_is_content(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    write(repository, {"pkg/core.py": b"uncommitted\n", "new.txt": b"untracked\n"})
    snapshot = pin(repository, tmp_path / "state")
    commit = proposed(snapshot, {"fix.py": b"fixed\n"})
    deliver_objects(snapshot.depot, commit, repository)
    assert set_branch(repository, "nightcrew/1-fix", commit)
    git(repository, "fsck", "--strict", "--full")
    assert git(repository, "log", "--format=%s", "nightcrew/1-fix").splitlines()[::2] == [b"fix it", b"first"]
    assert git(repository, "show", "nightcrew/1-fix:fix.py") == b"fixed"
    assert git(repository, "show", "nightcrew/1-fix:new.txt") == b"untracked"
    assert b"nightcrew: delivered" in git(repository, "reflog", "show", "nightcrew/1-fix")
    assert git(repository, "log", "-1", "--format=%an <%ae> %aI", commit) == (
        b"nightcrew <nightcrew@localhost> 2026-11-20T12:00:00+00:00"
    )


def test_delivery_writes_objects_and_one_ref_only(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    hook = repository / ".git/hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    snapshot = pin(repository, tmp_path / "state")
    own = (".git/objects", ".git/refs/heads", ".git/logs/refs/heads")
    before, main = digest(repository, without=own), git(repository, "rev-parse", "main")
    commit = proposed(snapshot, {"fix.py": b"fixed\n"})
    deliver_objects(snapshot.depot, commit, repository)
    set_branch(repository, "nightcrew/1", commit)
    assert not (tmp_path / "ran").exists()
    assert digest(repository, without=own) == before
    refs = git(repository, "for-each-ref", "--format=%(refname) %(objectname)").split(b"\n")
    assert refs == [b"refs/heads/main " + main, b"refs/heads/nightcrew/1 " + commit.encode()]


def test_setting_a_branch_is_compare_and_swap(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    snapshot = pin(repository, tmp_path / "state")
    first, second = proposed(snapshot, {"a": b"1"}), proposed(snapshot, {"a": b"2"})
    for commit in (first, second):
        deliver_objects(snapshot.depot, commit, repository)
    assert set_branch(repository, "nightcrew/1", first)
    assert set_branch(repository, "nightcrew/1", first)
    assert not set_branch(repository, "nightcrew/1", second)
    assert set_branch(repository, "nightcrew/1", second, expected_old=first)
    assert not set_branch(repository, "nightcrew/1", first, expected_old=first)
    assert git(repository, "rev-parse", "nightcrew/1").decode() == second


def test_a_branch_that_cannot_exist_beside_another_says_so(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    snapshot = pin(repository, tmp_path / "state")
    git(repository, "branch", "nightcrew")
    commit = proposed(snapshot, {"a": b"1"})
    deliver_objects(snapshot.depot, commit, repository)
    with pytest.raises(DepotError, match="refs/heads/nightcrew"):
        set_branch(repository, "nightcrew/1", commit)
    with pytest.raises(DepotError):
        set_branch(repository, "bad..name", commit)


def test_delivery_works_from_a_linked_worktree(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    git(repository, "worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "side")
    linked = tmp_path / "linked"
    write(linked, {"pkg/core.py": b"in the linked tree\n"})
    snapshot = pin(linked, tmp_path / "state")
    assert snapshot.branch == "side"
    commit = proposed(snapshot, {"a": b"1"})
    deliver_objects(snapshot.depot, commit, linked)
    assert set_branch(linked, "nightcrew/1", commit)
    assert git(repository, "show", "nightcrew/1:pkg/core.py") == b"in the linked tree"


@pytest.mark.parametrize("dirty", [False, True])
def test_a_commit_on_what_is_checked_out_arrives_whole(tmp_path: Path, dirty: bool) -> None:
    repository = make(tmp_path / "r")
    git(repository, "gc", "--quiet")
    if dirty:
        write(repository, {"pkg/core.py": b"not committed\n", "pkg/deep/new": b"new\n"})
    snapshot = pin(repository, tmp_path / "state")
    commit = proposed(snapshot, {"a": b"1", "pkg/deep/er/b": b"", "README.md": b"# Another\n"})
    deliver_objects(snapshot.depot, commit, repository)
    assert set_branch(repository, "nightcrew/1", commit)
    git(repository, "fsck", "--strict", "--connectivity-only")
    told = git(repository, "ls-tree", "-r", "nightcrew/1")
    assert told == git(snapshot.depot.path, "ls-tree", "-r", commit)
    assert git(repository, "show", "nightcrew/1:pkg/deep/er/leaf.txt") == b"leaf"


def test_a_delivery_that_was_cut_off_is_finished(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    snapshot = pin(repository, tmp_path / "state")
    commit = proposed(snapshot, {"a": b"1", "b": b"2"})
    deliver_objects(snapshot.depot, commit, repository)
    blob = git(repository, "rev-parse", f"{commit}:b").decode()
    (repository / ".git/objects" / blob[:2] / blob[2:]).unlink()
    deliver_objects(snapshot.depot, commit, repository)
    assert set_branch(repository, "nightcrew/1", commit)
    git(repository, "fsck", "--strict")


def test_a_name_that_git_refuses_is_told(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    snapshot = pin(repository, tmp_path / "state")
    commit = proposed(snapshot, {"a": b"1"})
    deliver_objects(snapshot.depot, commit, repository)
    for name in ("a..b", "-x/", "a b", "x.lock"):
        with pytest.raises(DepotError):
            set_branch(repository, f"nightcrew/{name}", commit)


def test_delivery_survives_an_amended_and_pruned_base(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    write(repository, {"pkg/core.py": b"second\n"})
    git(repository, "commit", "--quiet", "--all", "--message=second")
    snapshot = pin(repository, tmp_path / "state")
    git(repository, "commit", "--quiet", "--amend", "--allow-empty", "--message=amended")
    git(repository, "reflog", "expire", "--expire=now", "--all")
    git(repository, "gc", "--quiet", "--prune=now")
    commit = proposed(snapshot, {"a": b"1"})
    deliver_objects(snapshot.depot, commit, repository)
    assert set_branch(repository, "nightcrew/1", commit)
    git(repository, "fsck", "--strict")
    assert git(repository, "log", "--format=%s", "nightcrew/1").splitlines() == [b"fix it", b"second", b"first"]


def test_a_history_that_is_gone_is_told(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    write(repository, {"pkg/core.py": b"second\n"})
    git(repository, "commit", "--quiet", "--all", "--message=second")
    snapshot = pin(repository, tmp_path / "state")
    commit = proposed(snapshot, {"a": b"1"})
    shutil.rmtree(repository / ".git")
    make(repository, {"other": b"x"})
    with pytest.raises(DepotError, match="history below"):
        deliver_objects(snapshot.depot, commit, repository)


def test_repeating_a_delivery_changes_nothing(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    snapshot = pin(repository, tmp_path / "state")
    commit = proposed(snapshot, {"a": b"1"})
    deliver_objects(snapshot.depot, commit, repository)
    before = digest(repository)
    deliver_objects(snapshot.depot, commit, repository)
    assert digest(repository) == before


class Links:
    """Blobs that are links: the id is the target."""

    def read(self, blob: str) -> bytes:
        return blob.encode("utf-8", "surrogateescape")


def change(path: str, mode: int = 0o100644, target: str = "x", before: Entry | None = None) -> Change:
    return Change("b", "t", (FileChange(path, before, Entry(mode, target)),), Links())


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        "a/.git/hooks/x",
        "a/.GIT/x",
        ".git./x",
        ".git /x",
        "GIT~1/x",
        ".g\u200cit/x",
        ".git::$INDEX_ALLOCATION/x",
        "../x",
        "a/../../x",
        "/x",
        "a//b",
        "",
        "a/./b",
        ".gitmodules",
        "sub/.GitModules",
    ],
)
def test_paths_that_may_not_leave(path: str) -> None:
    with pytest.raises(RefusedPath):
        check_exportable(change(path))


@pytest.mark.parametrize(
    ("path", "mode", "target"),
    [
        ("sub", 0o160000, "0" * 40),
        ("device", 0o020000, "x"),
        ("link", 0o120000, "/etc/passwd"),
        ("link", 0o120000, "../x"),
        ("a/b/link", 0o120000, "../../../x"),
        ("link", 0o120000, ".git/config"),
        ("a/link", 0o120000, "../.Git/config"),
    ],
)
def test_entries_that_may_not_leave(path: str, mode: int, target: str) -> None:
    with pytest.raises(RefusedPath):
        check_exportable(change(path, mode, target))


@pytest.mark.parametrize(
    ("path", "mode", "target"),
    [
        ("a/b.py", 0o100755, "x"),
        (".gitignore", 0o100644, "x"),
        (".github/workflows/ci.yml", 0o100644, "x"),
        ("a/link", 0o120000, "../b"),
        ("digit~1x", 0o100644, "x"),
        ("caf\udce9", 0o100644, "x"),
    ],
)
def test_entries_that_may_leave(path: str, mode: int, target: str) -> None:
    check_exportable(change(path, mode, target))


def test_a_file_and_a_directory_of_the_same_name_may_not_leave() -> None:
    files = (FileChange("a", None, Entry(0o120000, "b")), FileChange("a/x", None, Entry(0o100644, "x")))
    with pytest.raises(RefusedPath, match="directory"):
        check_exportable(Change("b", "t", files, Links()))


def test_a_removed_submodule_may_not_leave() -> None:
    removed = FileChange("sub", Entry(0o160000, "0" * 40), None)
    with pytest.raises(RefusedPath, match="submodule"):
        check_exportable(Change("b", "t", (removed,), Links()))


REPOSITORY = {"x/HEAD": "ref: refs/heads/main", "x/objects/keep": "", "x/refs/keep": "", "x/config": "[core]"}


@pytest.mark.parametrize(
    ("files", "leaves"),
    [
        (REPOSITORY, False),
        ({**REPOSITORY, "x/HEAD": "0" * 40}, False),
        ({"x/Head": "ref:\trefs/x", "x/OBJECTS/keep": "", "x/Refs/keep": ""}, False),
        ({"HEAD": "ref: refs/heads/main", "objects/keep": "", "refs/keep": ""}, False),
        ({"x/HEAD": "ref: refs/heads/main", "x/commondir": "../y"}, False),
        ({**REPOSITORY, "x/HEAD": "a headline"}, True),
        ({"x/HEAD": "ref: refs/heads/main", "x/objects/keep": "", "y/refs/keep": ""}, True),
    ],
)
def test_a_bare_repository_may_not_leave(files: dict[str, str], leaves: bool) -> None:
    put = Change(
        "b", "t", tuple(FileChange(path, None, Entry(0o100644, text)) for path, text in files.items()), Links()
    )
    if leaves:
        check_exportable(put)
        return
    with pytest.raises(RefusedPath, match="repository"):
        check_exportable(put)
