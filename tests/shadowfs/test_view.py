from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from shadowfs import FuseDriver, Snapshot, pin
from shadowfs.fuseshadow import FuseShadow
from tests.shadowfs.conftest import at
from tests.shadowfs.repositories import git, make, write


def test_attributes_are_those_of_the_users_files(mounted: Path, repository: Path) -> None:
    for name in ("README.md", "pkg/core.py", "untracked.txt", "build/out.bin"):
        ours, theirs = (mounted / name).stat(), (repository / name).stat()
        assert (ours.st_ino, ours.st_size, ours.st_mtime_ns, ours.st_ctime_ns) == (
            theirs.st_ino,
            theirs.st_size,
            theirs.st_mtime_ns,
            theirs.st_ctime_ns,
        )


def test_git_inside_trusts_the_pinned_stat_and_works(shadow: FuseShadow, snapshot: Snapshot) -> None:
    def inside(command: str) -> str:
        argv = ["nsenter", "-t", str(shadow.mount.namespace), "-m", "sh", "-c", f"cd {shadow.mount.path} && {command}"]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout

    assert inside("git rev-parse HEAD").strip() == snapshot.head
    assert inside("git status --porcelain").splitlines() == [" M pkg/core.py", "?? link", "?? untracked.txt"]
    inside("git commit -qam inside")
    assert inside("git log --format=%s").splitlines() == ["inside", "first"]
    assert git(snapshot.repository, "log", "--format=%s") == b"first"


def test_the_users_edits_commits_and_collections_are_not_noticed(mounted: Path, repository: Path) -> None:
    names = ("README.md", "pkg/core.py", "pkg/deep/er/leaf.txt", "link", "untracked.txt")
    before = {name: ((mounted / name).read_bytes(), (mounted / name).lstat()) for name in names if name != "README.md"}
    with (mounted / "tests/test_core.py").open("rb") as opened:
        head = opened.read(10)
        write(repository, {"README.md": b"edited", "pkg/core.py": b"edited\n", "tests/test_core.py": b"cut"})
        (repository / "link").unlink()
        (repository / "link").symlink_to("/etc/passwd")
        (repository / "untracked.txt").unlink()
        git(repository, "add", "--all")
        git(repository, "commit", "--quiet", "--amend", "--message=other")
        git(repository, "checkout", "--quiet", "--orphan", "empty")
        git(repository, "rm", "-r", "--quiet", "-f", ".")
        git(repository, "reflog", "expire", "--expire=now", "--all")
        git(repository, "gc", "--quiet", "--prune=now")
        assert (
            head + opened.read() == b"from pkg.core import answer\n\n\ndef test_answer():\n    assert answer() == 42\n"
        )
    assert (mounted / "README.md").read_bytes() == b"# A project\n"
    for name, (data, status) in before.items():
        assert (mounted / name).read_bytes() == data
        now = (mounted / name).lstat()
        assert (now.st_ino, now.st_size, now.st_mtime_ns) == (status.st_ino, status.st_size, status.st_mtime_ns)


def test_an_edit_that_keeps_size_and_time_is_not_noticed(mounted: Path, repository: Path) -> None:
    status = (repository / "README.md").stat()
    (repository / "README.md").write_bytes(b"# B qroject\n")
    os.utime(repository / "README.md", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (mounted / "README.md").read_bytes() == b"# A project\n"


def test_ignored_files_are_live_until_the_shadow_changes_them(mounted: Path, repository: Path) -> None:
    assert (mounted / "build/out.bin").read_bytes() == b"made\n"
    (repository / "build/fresh").write_bytes(b"1")
    assert {path.name for path in (mounted / "build").iterdir()} == {"out.bin", "deep", "fresh"}
    (mounted / "build/out.bin").write_bytes(b"the shadow's\n")
    (repository / "build/out.bin").write_bytes(b"the user's\n")
    assert (mounted / "build/out.bin").read_bytes() == b"the shadow's\n"
    (mounted / "build/fresh").unlink()
    assert not (mounted / "build/fresh").exists()
    assert (repository / "build/fresh").exists()
    (mounted / "build/deep").rename(mounted / "build/moved")
    assert (mounted / "build/moved/er.bin").read_bytes() == b"deep\n"
    assert (repository / "build/deep/er.bin").exists()


def test_a_directory_made_where_a_live_one_was_is_empty(mounted: Path) -> None:
    (mounted / "build/deep/er.bin").unlink()
    (mounted / "build/deep").rmdir()
    (mounted / "build/deep").mkdir()
    assert list((mounted / "build/deep").iterdir()) == []


def test_secrets_and_nested_repositories_do_not_exist(fuse: FuseDriver, repository: Path, tmp_path: Path) -> None:
    write(repository, {"build/.env": b"T=1", "build/id_rsa": b"key", "build/nested/.git/config": b"[core]\n"})
    with fuse.create(pin(repository, tmp_path / "state")) as shadow:
        root = at(shadow)
        for name in (".env", "build/.env", "build/id_rsa", "build/nested/.git", "build/nested/.git/config"):
            assert not (root / name).exists()
        assert {path.name for path in (root / "build").iterdir()} == {"out.bin", "deep", "nested"}
        assert list((root / "build/nested").iterdir()) == []


def test_names_of_one_live_file_stay_one_file_through_a_copy_up(
    fuse: FuseDriver, repository: Path, tmp_path: Path
) -> None:
    os.link(repository / "build/out.bin", repository / "build/same.bin")
    with fuse.create(pin(repository, tmp_path / "state")) as shadow:
        root = at(shadow)
        assert (root / "build/out.bin").stat().st_ino == (root / "build/same.bin").stat().st_ino
        (root / "build/out.bin").write_bytes(b"both\n")
        assert (root / "build/same.bin").read_bytes() == b"both\n"
        assert (root / "build/same.bin").stat().st_nlink == 2
    assert (repository / "build/same.bin").read_bytes() == b"made\n"


def test_a_live_link_leads_the_server_nowhere(fuse: FuseDriver, repository: Path, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private/file").write_bytes(b"not in the repository")
    with fuse.create(pin(repository, tmp_path / "state")) as shadow:
        root = at(shadow)
        assert (root / "build/deep/er.bin").exists()
        (repository / "build/deep/er.bin").unlink()
        (repository / "build/deep").rmdir()
        (repository / "build/deep").symlink_to(tmp_path / "private")
        with pytest.raises(OSError, match="No such file"):
            (root / "build/deep/file").lstat()


@pytest.mark.parametrize(
    "name", [b"new\nline", b"\xff\xfe", b"x" * 255, b"sp ace", b'quo"te', b"back\\slash", b"-dash"]
)
def test_names_are_bytes(fuse: FuseDriver, tmp_path: Path, name: bytes) -> None:
    root = make(tmp_path / "named", {"dir/file": b"1"})
    (Path(os.fsdecode(os.fsencode(root) + b"/dir/" + name))).write_bytes(b"pinned")
    with fuse.create(pin(root, tmp_path / "state")) as shadow:
        inside = at(shadow)
        pinned = inside / "dir" / os.fsdecode(name)
        assert pinned.read_bytes() == b"pinned"
        (inside / os.fsdecode(name)).write_bytes(b"made")
        pinned.unlink()
        assert {(file.path, file.kind) for file in shadow.change().files} == {
            (os.fsdecode(name), "added"),
            (f"dir/{os.fsdecode(name)}", "deleted"),
        }
