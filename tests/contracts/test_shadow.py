"""What every shadow driver keeps, on real repositories."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shadowfs import (
    CopyDriver,
    Driver,
    FuseDriver,
    MemoryDriver,
    RefusedPath,
    Shadow,
    ShadowfsError,
    Snapshot,
    pin,
)
from tests.shadowfs.repositories import age, digest, git, make, write

Making = Callable[[Path], Driver]
DRIVERS: dict[str, Making] = {"memory": lambda _: MemoryDriver(), "copy": CopyDriver, "fuse": FuseDriver}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = make(tmp_path / "repo")
    age(root)
    write(
        root,
        {
            "pkg/core.py": b"def answer():\n    return 42\n",
            "untracked.txt": b"new\n",
            "build/out.bin": b"\0" * 10,
            ".env": b"TOKEN=secret\n",
            "notes.log": b"log\n",
        },
    )
    (root / "README.md").chmod(0o755)
    (root / "link").symlink_to("pkg/core.py")
    (root / "outside").symlink_to("/etc/passwd")
    (root / "climbing").symlink_to("../../x")
    return root


@pytest.fixture
def snapshot(repository: Path, tmp_path: Path) -> Snapshot:
    return pin(repository, tmp_path / "state")


@pytest.fixture(params=sorted(DRIVERS))
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Driver]:
    made = DRIVERS[request.param](tmp_path / "state")
    probe = made.probe()
    if not probe.works:
        pytest.skip(f"{made.name}: {probe.why}")
    yield made
    made.close()


@pytest.fixture
def shadow(driver: Driver, snapshot: Snapshot) -> Iterator[Shadow]:
    with driver.create(snapshot) as made:
        yield made


with_directory = pytest.mark.parametrize("driver", ["copy", "fuse"], indirect=True)


def on_disk(shadow: Shadow) -> Path:
    """Return the shadow's directory as this process sees it."""
    mount = shadow.mount
    if mount.namespace is None:
        return mount.path
    return Path(f"/proc/{mount.namespace}/root{mount.path}")


def inside(shadow: Shadow, *words: str) -> bytes:
    """Return what git prints in the shadow's directory, where it is seen."""
    mount, enter = shadow.mount, list[str]()
    if mount.namespace is not None:
        user = [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]
        enter = ["nsenter", "-t", str(mount.namespace), "-m", *user, "--"]
    return git(mount.path, *words, enter=enter)


def test_a_driver_has_a_name_and_works(driver: Driver, shadow: Shadow, snapshot: Snapshot) -> None:
    assert driver.probe().works
    assert shadow.driver == driver.name
    assert shadow.snapshot == snapshot
    assert shadow.id


def test_a_fresh_shadow_has_the_files_as_they_were_pinned(shadow: Shadow) -> None:
    assert shadow.read("pkg/core.py") == b"def answer():\n    return 42\n"
    assert shadow.read("untracked.txt") == b"new\n"
    assert shadow.read("pkg/deep/er/leaf.txt") == b"leaf\n"
    assert sorted(shadow.paths()) == [
        ".gitignore",
        "README.md",
        "climbing",
        "link",
        "outside",
        "pkg/__init__.py",
        "pkg/core.py",
        "pkg/deep/er/leaf.txt",
        "tests/test_core.py",
        "untracked.txt",
    ]


def test_a_fresh_shadow_has_no_change(shadow: Shadow, snapshot: Snapshot) -> None:
    change = shadow.change()
    assert not change
    assert change.base == change.tree == snapshot.tree == shadow.checkpoint()


def test_secrets_do_not_exist(shadow: Shadow) -> None:
    with pytest.raises(FileNotFoundError):
        shadow.read(".env")


def test_what_is_written_is_read_and_is_the_change(shadow: Shadow) -> None:
    shadow.write("pkg/core.py", b"changed\n")
    shadow.write("pkg/new/file.py", b"made\n")
    shadow.write("tool", b"#!/bin/sh\n", executable=True)
    shadow.delete("untracked.txt")
    assert shadow.read("pkg/core.py") == b"changed\n"
    change = shadow.change()
    assert [(file.path, file.kind) for file in change.files] == [
        ("pkg/core.py", "modified"),
        ("pkg/new/file.py", "added"),
        ("tool", "added"),
        ("untracked.txt", "deleted"),
    ]
    assert change.before("pkg/core.py") == b"def answer():\n    return 42\n"
    assert change.after("pkg/core.py") == b"changed\n"
    assert change.after("untracked.txt") is None
    assert change.files[2].after is not None and change.files[2].after.mode == 0o100755


def test_writing_keeps_the_mode_unless_told(shadow: Shadow) -> None:
    shadow.write("README.md", b"still executable\n")
    shadow.write("pkg/core.py", b"plain\n", executable=True)
    shadow.write("pkg/core.py", b"plain again\n", executable=False)
    modes = {file.path: file.after.mode for file in shadow.change().files if file.after}
    assert modes == {"README.md": 0o100755, "pkg/core.py": 0o100644}


def test_a_change_taken_back_is_none(shadow: Shadow) -> None:
    before = shadow.read("pkg/core.py")
    shadow.write("pkg/core.py", b"something else\n")
    assert shadow.change()
    shadow.write("pkg/core.py", before)
    shadow.write("extra", b"")
    shadow.delete("extra")
    assert not shadow.change()


def test_a_file_may_become_a_directory_and_back(shadow: Shadow) -> None:
    shadow.delete("untracked.txt")
    shadow.write("untracked.txt/inner", b"x")
    assert [file.path for file in shadow.change().files] == ["untracked.txt", "untracked.txt/inner"]


def test_a_missing_file_raises(shadow: Shadow) -> None:
    with pytest.raises(FileNotFoundError):
        shadow.read("nowhere/at/all")
    with pytest.raises(FileNotFoundError):
        shadow.delete("nowhere")


def test_a_directory_is_no_file(shadow: Shadow) -> None:
    with pytest.raises(IsADirectoryError):
        shadow.read("pkg")
    with pytest.raises(IsADirectoryError):
        shadow.write("pkg", b"")


@pytest.mark.parametrize(
    "path",
    [
        "../escape",
        "pkg/../../escape",
        "/etc/passwd",
        "outside",
        "climbing",
        ".git",
        ".git/config",
        "pkg/.git/hooks/x",
        ".GIT/config",
        ".git./config",
        "git~1/config",
        ".g\u200cit/config",
        "",
        "pkg/",
        "nul\0byte",
    ],
)
def test_paths_out_of_the_tree_and_into_git_are_refused(shadow: Shadow, path: str) -> None:
    with pytest.raises(RefusedPath):
        shadow.read(path)
    with pytest.raises(RefusedPath):
        shadow.write(path, b"x")


def test_a_link_inside_the_tree_is_followed(shadow: Shadow) -> None:
    assert shadow.read("link") == b"def answer():\n    return 42\n"
    shadow.write("link", b"through the link\n")
    assert shadow.read("pkg/core.py") == b"through the link\n"
    assert list(shadow.change().paths()) == ["pkg/core.py"]


def test_deleting_a_link_leaves_its_target(shadow: Shadow) -> None:
    shadow.delete("link")
    shadow.delete("outside")
    assert list(shadow.change().paths()) == ["link", "outside"]


@with_directory
def test_restoring_makes_links_modes_and_directories_what_they_were(shadow: Shadow) -> None:
    disk = on_disk(shadow)
    first = shadow.checkpoint()
    for path in ("link", "climbing", "untracked.txt"):
        (disk / path).unlink()
    (disk / "link").write_bytes(b"a file now\n")
    (disk / "climbing").mkdir()
    (disk / "climbing/inner.txt").write_bytes(b"in a directory now\n")
    (disk / "untracked.txt").symlink_to("README.md")
    (disk / "README.md").chmod(0o644)
    shutil.rmtree(disk / "pkg")
    (disk / "pkg").symlink_to("build")
    second = shadow.checkpoint()
    (disk / "pkg").unlink()
    (disk / "pkg").write_bytes(b"another file\n")
    third = shadow.checkpoint()
    for tree in (first, second, third, second, first, third):
        assert shadow.restore(tree).tree == tree
        assert shadow.checkpoint() == tree
        if tree == first:
            assert (disk / "link").is_symlink()
            assert (disk / "README.md").stat().st_mode & 0o777 == 0o755
            # What is ignored gives way.
            (disk / "pkg/left.log").write_bytes(b"x")
    assert shadow.read("build/out.bin") == b"\0" * 10
    assert not shadow.restore(third)


def test_ignored_files_never_enter_the_change(shadow: Shadow) -> None:
    shadow.write("build/out.bin", b"other")
    shadow.write("build/more.bin", b"new")
    shadow.write("pkg/trace.log", b"new")
    shadow.write("pkg/__pycache__/core.pyc", b"new")
    shadow.write(".env", b"TOKEN=planted\n")
    assert not shadow.change()
    assert "build/more.bin" not in set(shadow.paths())


def test_the_base_decides_what_is_ignored_not_the_shadow(shadow: Shadow) -> None:
    shadow.write(".gitignore", b"*.py\n")
    shadow.write("pkg/hidden.py", b"x\n")
    shadow.write("pkg/trace.log", b"x\n")
    assert list(shadow.change().paths()) == [".gitignore", "pkg/hidden.py"]


def test_forks_diverge(shadow: Shadow) -> None:
    shadow.write("pkg/core.py", b"parent\n")
    shadow.delete("untracked.txt")
    with shadow.fork() as child:
        assert child.read("pkg/core.py") == b"parent\n"
        child.write("pkg/core.py", b"child\n")
        child.write("only-child", b"x")
        shadow.write("only-parent", b"x")
        assert shadow.read("pkg/core.py") == b"parent\n"
        assert list(shadow.change().paths()) == ["only-parent", "pkg/core.py", "untracked.txt"]
        assert list(child.change().paths()) == ["only-child", "pkg/core.py", "untracked.txt"]
    assert shadow.read("pkg/core.py") == b"parent\n"


def test_a_shadow_of_another_tree_starts_there(shadow: Shadow, driver: Driver, snapshot: Snapshot) -> None:
    shadow.write("pkg/core.py", b"proposed\n")
    shadow.write("pkg/added/new.py", b"added\n")
    shadow.delete("pkg/deep/er/leaf.txt")
    tree = shadow.checkpoint()
    with driver.create(snapshot, tree) as after:
        assert after.read("pkg/core.py") == b"proposed\n"
        assert after.read("pkg/added/new.py") == b"added\n"
        with pytest.raises(FileNotFoundError):
            after.read("pkg/deep/er/leaf.txt")
        assert not after.change()
        after.write("pkg/core.py", b"more\n")
        assert after.change().base == tree


def test_a_sealed_shadow_takes_no_more(shadow: Shadow) -> None:
    shadow.write("a", b"1")
    change = shadow.seal()
    assert list(change.paths()) == ["a"]
    with pytest.raises(ShadowfsError, match="sealed"):
        shadow.write("a", b"2")
    assert shadow.seal() == change == shadow.change()
    assert change.after("a") == b"1"


def test_a_change_outlives_its_shadow(driver: Driver, snapshot: Snapshot) -> None:
    with driver.create(snapshot) as shadow:
        shadow.write("a", b"kept")
        change = shadow.seal()
    shadow.close()
    assert change.after("a") == b"kept"


def test_the_users_repository_is_never_touched(driver: Driver, snapshot: Snapshot, repository: Path) -> None:
    before = digest(repository)
    with driver.create(snapshot) as shadow:
        shadow.write("pkg/core.py", b"changed\n")
        shadow.write("build/out.bin", b"changed")
        shadow.delete("notes.log") if driver.name != "memory" else None
        shadow.seal()
    assert digest(repository) == before


def test_the_users_edits_after_the_pin_do_not_show(driver: Driver, snapshot: Snapshot, repository: Path) -> None:
    write(repository, {"README.md": b"# Edited!!\n", "pkg/core.py": b"broken", "later.txt": b"x"})
    (repository / "pkg/deep/er/leaf.txt").unlink()
    git(repository, "commit", "--all", "--quiet", "--amend", "--message=amended")
    git(repository, "reflog", "expire", "--expire=now", "--all")
    git(repository, "gc", "--quiet", "--prune=now")
    with driver.create(snapshot) as shadow:
        assert shadow.read("README.md") == b"# A project\n"
        assert shadow.read("pkg/deep/er/leaf.txt") == b"leaf\n"
        assert shadow.read("pkg/core.py") == b"def answer():\n    return 42\n"
        assert not shadow.change()
        with pytest.raises(FileNotFoundError):
            shadow.read("later.txt")


@with_directory
def test_what_a_process_does_in_the_directory_is_seen(shadow: Shadow) -> None:
    root = on_disk(shadow)
    (root / "pkg/core.py").write_bytes(b"by a process\n")
    (root / "README.md").rename(root / "RENAMED.md")
    (root / "fresh").mkdir()
    (root / "fresh/file").write_bytes(b"x")
    (root / "fresh/loop").symlink_to("loop")
    assert shadow.read("pkg/core.py") == b"by a process\n"
    kinds = {file.path: file.kind for file in shadow.change().files}
    assert kinds == {
        "README.md": "deleted",
        "RENAMED.md": "added",
        "fresh/file": "added",
        "fresh/loop": "added",
        "pkg/core.py": "modified",
    }


@with_directory
def test_the_ignored_layer_is_there_and_secrets_are_not(shadow: Shadow) -> None:
    root = on_disk(shadow)
    assert (root / "build/out.bin").read_bytes() == b"\0" * 10
    assert (root / "notes.log").read_bytes() == b"log\n"
    assert not (root / ".env").exists()
    assert ".env" not in {entry.name for entry in root.iterdir()}


@with_directory
def test_git_works_inside(shadow: Shadow, repository: Path, snapshot: Snapshot) -> None:
    assert inside(shadow, "rev-parse", "HEAD").decode() == snapshot.head
    assert inside(shadow, "symbolic-ref", "HEAD") == b"refs/heads/main"
    status = inside(shadow, "status", "--porcelain").decode().splitlines()
    assert status == [" M README.md", " M pkg/core.py", "?? climbing", "?? link", "?? outside", "?? untracked.txt"]
    shadow.write("pkg/core.py", b"def answer():\n    return 43\n")
    assert b"+    return 43" in inside(shadow, "diff")
    inside(shadow, "commit", "--all", "--quiet", "--message=inside")
    assert inside(shadow, "log", "--format=%s").splitlines() == [b"inside", b"first"]
    assert git(repository, "log", "--format=%s").splitlines() == [b"first"]
    assert list(shadow.change().paths()) == ["pkg/core.py"]


def test_closing_leaves_nothing_behind(driver: Driver, snapshot: Snapshot, tmp_path: Path) -> None:
    shadow = driver.create(snapshot)
    shadow.write("x", b"x")
    shadow.close()
    shadow.close()
    assert not list((tmp_path / "state/shadows").glob("*"))
