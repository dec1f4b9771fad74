from __future__ import annotations

import ctypes
import errno
import os
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shadowfs import FuseDriver, Snapshot
from shadowfs.order import Quota
from tests.shadowfs.conftest import at
from tests.shadowfs.repositories import digest

_AT_FDCWD = -100
_NOREPLACE, _EXCHANGE = 1, 2


def renameat2(old: Path, new: Path, flags: int) -> int:
    """Rename with flags; return the errno."""
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.renameat2(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), flags)
    return ctypes.get_errno() if result else 0


def once_there_is_room(make: Callable[[], object]) -> None:
    """Make something: what was removed frees its place when the kernel forgets it, which it may tell after the next request."""
    deadline = time.monotonic() + 30
    while True:
        try:
            make()
            return
        except OSError as error:
            if error.errno != errno.ENOSPC or time.monotonic() > deadline:
                raise


@pytest.mark.parametrize("name", [".git", ".GIT", "git~1", ".git.", ".git ", ".g\u200cit", ".git::$DATA"])
@pytest.mark.parametrize("where", ["pkg", "build", "fresh"])
def test_nobody_makes_a_git_directory_at_any_depth(mounted: Path, name: str, where: str) -> None:
    (mounted / "fresh").mkdir()
    target = mounted / where / name
    acts: list[Callable[[], object]] = [
        target.mkdir,
        target.touch,
        lambda: target.symlink_to("/tmp"),
        lambda: os.link(mounted / "README.md", target),
        lambda: (mounted / "README.md").rename(target),
        lambda: (mounted / "fresh").rename(mounted / "pkg" / name),
        lambda: os.mkfifo(target),
    ]
    for act in acts:
        with pytest.raises(PermissionError):
            act()
    assert (mounted / "README.md").exists()
    assert not target.exists()


def test_the_gitfile_stays_as_it_is(mounted: Path) -> None:
    gitfile = mounted / ".git"
    before = gitfile.read_bytes()
    (mounted / "other").write_bytes(b"gitdir: /elsewhere\n")
    acts: list[Callable[[], object]] = [
        gitfile.unlink,
        lambda: gitfile.write_bytes(b"x"),
        lambda: os.truncate(gitfile, 0),
        lambda: gitfile.chmod(0o777),
        lambda: os.utime(gitfile, (1, 1)),
        lambda: gitfile.rename(mounted / "away"),
        lambda: (mounted / "other").rename(gitfile),
        lambda: os.link(gitfile, mounted / "alias"),
    ]
    for act in acts:
        with pytest.raises(PermissionError):
            act()
    assert renameat2(mounted / "other", gitfile, _EXCHANGE) == errno.EPERM
    assert renameat2(gitfile, mounted / "other", _EXCHANGE) == errno.EPERM
    assert gitfile.read_bytes() == before and before.startswith(b"gitdir: /")


def test_no_device_nodes_and_no_set_user_id_files(mounted: Path) -> None:
    for kind in (stat.S_IFCHR, stat.S_IFBLK):
        with pytest.raises(PermissionError):
            os.mknod(mounted / "device", kind | 0o666, os.makedev(1, 3))
    fd = os.open(mounted / "tool", os.O_CREAT | os.O_WRONLY, 0o6755)
    os.close(fd)
    assert stat.S_IMODE((mounted / "tool").stat().st_mode) & 0o6000 == 0
    (mounted / "tool").chmod(0o6755)
    assert stat.S_IMODE((mounted / "tool").stat().st_mode) == 0o755


def test_pipes_and_sockets_work_and_never_enter_the_change(mounted: Path, shadow: object) -> None:
    os.mkfifo(mounted / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(mounted)
        try:
            server.bind("sock")
        finally:
            os.chdir("/")
    assert stat.S_ISFIFO((mounted / "pipe").lstat().st_mode)
    assert stat.S_ISSOCK((mounted / "sock").lstat().st_mode)
    assert list(shadow.change().paths()) == []  # type: ignore[attr-defined]


def test_rename_keeps_its_flags(mounted: Path) -> None:
    (mounted / "one").write_bytes(b"1")
    (mounted / "dir").mkdir()
    assert renameat2(mounted / "one", mounted / "README.md", _NOREPLACE) == errno.EEXIST
    assert renameat2(mounted / "one", mounted / "two", _NOREPLACE) == 0
    assert renameat2(mounted / "two", mounted / "nowhere", _EXCHANGE) == errno.ENOENT
    assert renameat2(mounted / "two", mounted / "pkg", _EXCHANGE) == 0
    assert (mounted / "pkg").read_bytes() == b"1" and (mounted / "two/core.py").exists()
    assert renameat2(mounted / "dir", mounted / "dir/below", 0) == errno.EINVAL


def test_a_live_file_takes_part_in_every_rename(mounted: Path, repository: Path) -> None:
    before = digest(repository)
    assert renameat2(mounted / "build/out.bin", mounted / "README.md", _EXCHANGE) == 0
    assert (mounted / "README.md").read_bytes() == b"made\n"
    (mounted / "build/deep").rename(mounted / "shown")
    assert (mounted / "shown/er.bin").read_bytes() == b"deep\n"
    assert not (mounted / "build/deep").exists()
    (mounted / "pkg").rename(mounted / "build/pkg")
    assert (mounted / "build/pkg/core.py").exists()
    assert digest(repository) == before


def test_what_moves_out_of_the_ignored_layer_enters_the_change(fuse: FuseDriver, snapshot: Snapshot) -> None:
    with fuse.create(snapshot) as shadow:
        root = at(shadow)
        (root / "build/deep").rename(root / "shown")
        (root / "build/out.bin").rename(root / "kept.bin")
        (root / "tests").rename(root / "build/tests")
        change = shadow.change()
    assert {(file.path, file.kind) for file in change.files} == {
        ("shown/er.bin", "added"),
        ("kept.bin", "added"),
        ("tests/test_core.py", "deleted"),
    }
    assert change.after("shown/er.bin") == b"deep\n"


def test_a_directory_rename_is_a_change_of_every_file_below(fuse: FuseDriver, snapshot: Snapshot) -> None:
    with fuse.create(snapshot) as shadow:
        root = at(shadow)
        (root / "pkg").rename(root / "lib")
        (root / "lib/core.py").chmod(0o755)
        (root / "empty").mkdir()
        change = shadow.change()
    assert [(file.path, file.kind) for file in change.files] == [
        ("lib/__init__.py", "added"),
        ("lib/core.py", "added"),
        ("lib/deep/er/leaf.txt", "added"),
        ("pkg/__init__.py", "deleted"),
        ("pkg/core.py", "deleted"),
        ("pkg/deep/er/leaf.txt", "deleted"),
    ]
    assert change.files[1].after is not None and change.files[1].after.mode == 0o100755


def test_the_quota_ends_floods_and_frees_what_is_removed(snapshot: Snapshot, tmp_path: Path) -> None:
    driver = FuseDriver(tmp_path / "state", quota=Quota(size_bytes=1 << 20, nodes=50))
    probe = driver.probe()
    if not probe.works:
        pytest.skip(f"fuse: {probe.why}")
    try:
        with driver.create(snapshot) as shadow:
            root = at(shadow)
            with pytest.raises(OSError, match="No space"), (root / "flood").open("wb", buffering=0) as file:
                while True:
                    file.write(b"y\n" * 50_000)
            with pytest.raises(OSError, match="No space"):
                os.truncate(root / "flood", 1 << 40)
            (root / "flood").unlink()
            once_there_is_room(lambda: (root / "fits").write_bytes(b"x" * 1_000_000))
            with pytest.raises(OSError, match="No space"):
                for number in range(100):
                    (root / f"file{number}").touch()
            (root / "file0").unlink()
            once_there_is_room((root / "again").touch)
            usage = os.statvfs(root)
            assert usage.f_blocks * usage.f_bsize == 1 << 20 and usage.f_ffree == 0
    finally:
        driver.close()
