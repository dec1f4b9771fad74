"""Shadows that another user may work in: what a Docker engine binds into its containers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shadowfs import CopyDriver, FuseDriver, Snapshot, pin, sweep
from tests.shadowfs.repositories import make

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="another user needs fuse.conf's user_allow_other, or root")
USER = (1000, 1000)
OTHER = (1234, 1234)


def whose(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_uid, status.st_gid


def test_what_is_the_callers_shows_as_the_users(fuse: FuseDriver, snapshot: Snapshot) -> None:
    os.chown(snapshot.repository / "build" / "out.bin", *OTHER)
    with fuse.create(snapshot, user=USER) as shadow:
        shadow.write("made/by/the host", b"x")
        mnt = shadow.mount.path
        paths = ("", "README.md", "link", ".git", "build/deep/er.bin", "made", "made/by", "made/by/the host")
        assert {whose(mnt / path) for path in paths} == {USER}
        assert whose(mnt / "build" / "out.bin") == OTHER
        with shadow.fork() as child:
            assert whose(child.mount.path / "README.md") == USER
    assert whose(snapshot.repository / "README.md") == (0, 0)


def test_others_than_the_owner_may_use_it_and_only_it(fuse: FuseDriver, snapshot: Snapshot) -> None:
    with fuse.create(snapshot, user=USER) as shared, fuse.create(snapshot, visible=True) as visible:
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        options = {line.split()[4]: line.split()[-1] for line in mounts}
        assert "allow_other" in options[str(shared.mount.path)]
        assert "allow_other" not in options[str(visible.mount.path)]
        assert "default_permissions" in options[str(shared.mount.path)]


def test_a_copy_that_was_given_away_stays_the_users(snapshot: Snapshot, tmp_path: Path) -> None:
    with CopyDriver(tmp_path / "state").create(snapshot, user=USER) as shadow:
        os.chown(shadow.mount.path, *USER)
        shadow.write("made/by/the host", b"x")
        assert {whose(shadow.mount.path / path) for path in ("made", "made/by", "made/by/the host")} == {USER}


KILLED = """
import os, signal, sys
from pathlib import Path
from shadowfs import FuseDriver, pin
state = Path(sys.argv[1])
shadow = FuseDriver(state).create(pin(Path(sys.argv[2]), state), user=(1000, 1000))
if sys.argv[3] == "server":
    os.kill(shadow._pid, signal.SIGKILL)
print(shadow.mount.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("dies", ["owner", "server"])
def test_a_mount_that_a_killed_process_left_is_swept(fuse: FuseDriver, tmp_path: Path, dies: str) -> None:
    words = [sys.executable, "-c", KILLED, str(tmp_path / "state"), str(make(tmp_path / "other")), dies]
    killed = subprocess.run(words, capture_output=True, text=True, check=False)
    mount = killed.stdout.strip()
    assert mount, killed.stderr
    if dies == "server":
        assert mount in Path("/proc/self/mountinfo").read_text()
    assert len(sweep(tmp_path / "state")) == 1
    assert mount not in Path("/proc/self/mountinfo").read_text()
    assert not Path(mount).exists()
    with fuse.create(pin(tmp_path / "other", tmp_path / "state")) as shadow:
        assert list(shadow.paths())
