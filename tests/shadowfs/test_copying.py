"""Copies share nothing with their source but blocks."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from shadowfs.copying import copy_file, copy_tree


def test_a_copy_has_content_mode_and_times_and_is_no_link(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3_000_000))
    source.chmod(0o4751)
    os.utime(source, ns=(1_000_000_001, 2_000_000_003))
    read = copy_file(source, tmp_path / "target")
    status = (tmp_path / "target").stat()
    assert (tmp_path / "target").read_bytes() == source.read_bytes()
    assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o751, 2_000_000_003)
    assert status.st_ino != read.st_ino == source.stat().st_ino


def test_holes_stay_holes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.seek(1 << 28)
        file.write(b"end")
        file.truncate(2 << 30)
    copy_file(source, tmp_path / "target")
    status = (tmp_path / "target").stat()
    assert status.st_size == 2 << 30
    assert status.st_blocks * 512 < 1 << 20
    with (tmp_path / "target").open("rb") as file:
        file.seek(1 << 28)
        assert file.read(4) == b"end\0"


def test_a_tree_is_copied_where_wanted_without_special_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "d").mkdir(parents=True)
    (source / "d/file").write_bytes(b"x")
    (source / "d/secret").write_bytes(b"x")
    (source / "link").symlink_to("/etc/passwd")
    os.mkfifo(source / "pipe")
    os.utime(source / "d", ns=(5, 7))
    (source / "d").chmod(0o550)
    copy_tree(source, tmp_path / "target", lambda path: not path.endswith("/secret"))
    copied = {str(path.relative_to(tmp_path / "target")) for path in (tmp_path / "target").rglob("*")}
    assert copied == {"d", "d/file", "link"}
    assert (tmp_path / "target/link").readlink() == Path("/etc/passwd")
    assert (tmp_path / "target/d").stat().st_mtime_ns == 7
    assert stat.S_IMODE((tmp_path / "target/d").stat().st_mode) == 0o750
