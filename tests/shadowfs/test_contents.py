from __future__ import annotations

import fcntl
import mmap
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from shadowfs.fuseshadow import FuseShadow
from tests.shadowfs.repositories import digest


def test_no_way_of_writing_reaches_the_users_files(mounted: Path, repository: Path) -> None:
    before = digest(repository)
    for name in ("README.md", "build/out.bin", "untracked.txt"):
        file = mounted / name
        os.link(file, mounted / "alias")
        (mounted / "alias").write_bytes(b"through a hard link")
        assert file.read_bytes() == b"through a hard link"
        (mounted / "alias").unlink()
        os.truncate(file, 5)
        with file.open("r+b") as opened:
            os.ftruncate(opened.fileno(), 4096)
            with mmap.mmap(opened.fileno(), 0, mmap.MAP_SHARED) as mapped:
                mapped[0:4] = b"mmap"
            os.posix_fallocate(opened.fileno(), 0, 8192)
            with (mounted / "pkg/core.py").open("rb") as source:
                os.copy_file_range(source.fileno(), opened.fileno(), 4)
        file.chmod(0o600)
        os.chown(file, 12, 34)
        os.utime(file, (1, 1))
        with pytest.raises(OSError, match="not supported"):
            os.setxattr(file, "user.x", b"1")
        (mounted / "tmp").write_bytes(b"over it")
        (mounted / "tmp").rename(file)
        assert file.read_bytes() == b"over it"
        file.unlink()
    shutil.rmtree(mounted / "build")
    assert digest(repository) == before


def test_what_a_mapping_holds_is_in_the_checkpoint(mounted: Path, shadow: FuseShadow) -> None:
    with (mounted / "README.md").open("r+b") as file, mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED) as mapped:
        mapped[0:1] = b"@"
        assert shadow.change().after("README.md") == b"@ A project\n"
        with shadow.fork() as child:
            mapped[0:1] = b"!"
            assert child.read("README.md") == b"@ A project\n"
        assert shadow.change().after("README.md") == b"! A project\n"


def test_an_open_file_goes_on_after_its_copy_up(mounted: Path, repository: Path) -> None:
    with (mounted / "README.md").open("rb", buffering=0) as reading:
        assert reading.read(3) == b"# A"
        with (mounted / "README.md").open("r+b", buffering=0) as writing:
            writing.seek(4)
            writing.write(b"P")
        assert reading.read() == b" Project\n"
    assert (repository / "README.md").read_bytes() == b"# A project\n"


def test_a_file_without_a_name_lives_until_it_is_closed(mounted: Path) -> None:
    for name in ("README.md", "build/out.bin", "made"):
        (mounted / name).touch()
        with (mounted / name).open("r+b", buffering=0) as file:
            before = file.read()
            (mounted / name).unlink()
            file.write(b"more")
            file.seek(0)
            assert file.read() == before + b"more"
            assert os.fstat(file.fileno()).st_nlink == 0


def test_sqlite_with_a_write_ahead_log_works(mounted: Path) -> None:
    for _ in range(2):
        connection = sqlite3.connect(mounted / "data.db")
        assert connection.execute("pragma journal_mode=wal").fetchone() == ("wal",)
        connection.execute("create table if not exists t (x integer)")
        connection.executemany("insert into t values (?)", [(number,) for number in range(100)])
        connection.commit()
        reader = sqlite3.connect(mounted / "data.db")
        assert reader.execute("select count(*) from t").fetchone()[0] in (100, 200)
        reader.close()
        connection.close()


def test_locks_exclude(mounted: Path) -> None:
    with (mounted / "lock").open("w") as one, (mounted / "lock").open("w") as other:
        fcntl.flock(one, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_programs_run_from_the_mount(mounted: Path) -> None:
    (mounted / "tool").write_text(f"#!{sys.executable}\nprint('ran')\n")
    (mounted / "tool").chmod(0o755)
    assert subprocess.run([mounted / "tool"], capture_output=True, check=True).stdout == b"ran\n"


def test_a_large_sparse_file_stays_sparse(mounted: Path, shadow: FuseShadow) -> None:
    with (mounted / "sparse").open("wb") as file:
        file.seek(1 << 30)
        file.write(b"end")
    assert (mounted / "sparse").stat().st_size == (1 << 30) + 3
    upper = shadow.mount.path.parent / "upper"
    assert sum(file.stat().st_blocks * 512 for file in upper.iterdir()) < 1 << 20


def test_both_sides_see_each_others_writes_at_once(mounted: Path, shadow: FuseShadow) -> None:
    assert (mounted / "pkg/core.py").read_bytes() == shadow.read("pkg/core.py")
    shadow.write("pkg/core.py", b"from the owner, and longer than before: " + b"x" * 9000)
    assert (mounted / "pkg/core.py").read_bytes().endswith(b"x" * 9000)
    assert (mounted / "pkg/core.py").stat().st_size == len(shadow.read("pkg/core.py"))
    assert not (mounted / "late").exists()
    shadow.write("late", b"1")
    assert (mounted / "late").read_bytes() == b"1"
    (mounted / "pkg/core.py").write_bytes(b"from a client")
    assert shadow.read("pkg/core.py") == b"from a client"
    shadow.delete("late")
    assert not (mounted / "late").exists()
