"""What the copy driver does besides the contract of shadows."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadowfs import CopyDriver, pin, sweep
from tests.shadowfs.repositories import age, git, make, write


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[CopyDriver]:
    made = CopyDriver(tmp_path / "state")
    yield made
    made.close()


def test_files_are_copies_with_the_users_times(driver: CopyDriver, tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    age(repository)
    with driver.create(pin(repository, tmp_path / "state")) as shadow:
        copied, original = (shadow.mount.path / "pkg/core.py").stat(), (repository / "pkg/core.py").stat()
        assert copied.st_mtime_ns == original.st_mtime_ns
        assert copied.st_ino != original.st_ino and copied.st_nlink == 1


def test_the_first_status_trusts_the_index(driver: CopyDriver, tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    age(repository)
    with driver.create(pin(repository, tmp_path / "state")) as shadow:
        # Entries that git would have to read again would be written back by this.
        assert git(shadow.mount.path, "diff-files", "--name-only") == b""


def test_secrets_and_git_directories_of_the_live_layer_are_not_copied(driver: CopyDriver, tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    write(repository, {"build/.env": b"s", "build/deploy.key": b"s", "build/fine": b"x"})
    make(repository / "nested", {"n.py": b"x"})
    with driver.create(pin(repository, tmp_path / "state")) as shadow:
        names = {path.name for path in shadow.mount.path.rglob("*")}
        assert {"fine", "n.py"} <= names
        assert not {".env", "deploy.key"} & names
        assert not (shadow.mount.path / "nested/.git").exists()


def test_a_tracked_secret_stays_as_it_is_whatever_the_shadow_does(driver: CopyDriver, tmp_path: Path) -> None:
    repository = make(tmp_path / "r", {"conf/.env": b"TRACKED=1\n", "a": b"x"})
    with driver.create(pin(repository, tmp_path / "state")) as shadow:
        assert not (shadow.mount.path / "conf/.env").exists()
        assert git(shadow.mount.path, "status", "--porcelain") == b""
        shadow.write("conf/.env", b"PLANTED=1\n")
        assert not shadow.change()
        assert list(shadow.paths()) == ["a"]


def test_a_sparse_file_made_in_the_shadow_is_a_change(driver: CopyDriver, tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    git(repository, "sparse-checkout", "set", "--cone", "pkg")
    with driver.create(pin(repository, tmp_path / "state")) as shadow:
        assert not shadow.change()
        shadow.write("tests/test_core.py", b"replaced\n")
        assert [(file.path, file.kind) for file in shadow.change().files] == [("tests/test_core.py", "modified")]


def test_a_git_directory_planted_in_the_shadow_is_no_change(driver: CopyDriver, tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    with driver.create(pin(repository, tmp_path / "state")) as shadow:
        git(shadow.mount.path, "init", "--quiet", "planted")
        (shadow.mount.path / "planted/x").write_bytes(b"x")
        os.mkfifo(shadow.mount.path / "pipe")
        assert list(shadow.change().paths()) == ["planted/x"]


def test_configuration_written_inside_runs_nothing_outside(driver: CopyDriver, tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    with driver.create(pin(repository, tmp_path / "state")) as shadow:
        inside = shadow.mount.path
        for key in ("core.fsmonitor", "diff.external", "filter.x.clean", "core.pager", "core.editor"):
            git(inside, "config", key, f"touch {tmp_path}/ran")
        hook = shadow.mount.git_dir / "hooks/post-index-change"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(0o755)
        shadow.write(".gitattributes", b"* filter=x diff=x\n")
        shadow.write("pkg/core.py", b"x\n")
        assert list(shadow.change().paths()) == [".gitattributes", "pkg/core.py"]
        assert shadow.seal().blobs.read(shadow.change().files[1].after.blob) == b"x\n"  # type: ignore[union-attr]
    assert not (tmp_path / "ran").exists()


def test_another_process_sweeps_what_a_killed_one_left(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    snapshot = pin(repository, tmp_path / "state")
    child = os.fork()
    if child == 0:
        CopyDriver(tmp_path / "state").create(snapshot)
        os._exit(0)
    os.waitpid(child, 0)
    assert len(sweep(tmp_path / "state")) == 1
    assert not list((tmp_path / "state/shadows").iterdir())


def test_a_driver_keeps_nothing_of_shadows_that_are_closed_and_closes_the_others(tmp_path: Path) -> None:
    driver = CopyDriver(tmp_path / "state")
    snapshot = pin(make(tmp_path / "r"), tmp_path / "state")
    kept = driver.create(snapshot)
    closed = weakref.ref(driver.create(snapshot))
    for each in (closed(), kept.fork()):
        assert each is not None
        each.close()
        each.close()
    del each
    gc.collect()
    assert closed() is None and kept.mount.path.is_dir()
    driver.close()
    assert list((tmp_path / "state/shadows").iterdir()) == []
