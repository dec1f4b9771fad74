from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shadowfs import DriverUnavailable, FuseDriver, ShadowfsError, Snapshot, pin, sweep
from tests.shadowfs.conftest import at
from tests.shadowfs.repositories import digest, make, write


def ended(pid: int, timeout_s: float = 20.0) -> bool:
    """Wait for a process's end; say whether it came."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], timeout_s)[0])
    finally:
        os.close(fd)


def test_the_mount_is_seen_by_nobody_else(fuse: FuseDriver, snapshot: Snapshot) -> None:
    with fuse.create(snapshot) as shadow:
        assert list(shadow.mount.path.iterdir()) == []
        assert "shadowfs" not in Path("/proc/self/mounts").read_text()
        assert (at(shadow) / "README.md").exists()
        assert not (at(shadow).parent / "mnt" / "nothing").exists()


def test_a_visible_mount_is_seen_by_all_and_goes_with_its_shadow(fuse: FuseDriver, snapshot: Snapshot) -> None:
    with fuse.create(snapshot, visible=True) as shadow:
        assert shadow.mount.namespace is None
        assert (shadow.mount.path / "README.md").read_bytes() == b"# A project\n"
        with shadow.fork() as child:
            (child.mount.path / "README.md").write_bytes(b"child")
            assert (shadow.mount.path / "README.md").read_bytes() == b"# A project\n"
    assert "shadowfs" not in Path("/proc/self/mounts").read_text()
    assert not shadow.mount.path.exists()


def test_a_fork_of_a_fork_outlives_both(fuse: FuseDriver, snapshot: Snapshot, tmp_path: Path) -> None:
    first = fuse.create(snapshot)
    first.write("a", b"first")
    second = first.fork()
    second.write("b", b"second")
    third = second.fork()
    first.close()
    second.close()
    assert third.read("a") == b"first" and third.read("b") == b"second"
    third.write("a", b"third")
    fourth = third.fork()
    assert fourth.read("a") == b"third"
    assert sorted(fourth.change().paths()) == ["a", "b"]
    third.close()
    fourth.close()
    assert list((tmp_path / "state/shadows").iterdir()) == []


def test_what_is_open_at_a_fork_stays_on_its_side(fuse: FuseDriver, snapshot: Snapshot) -> None:
    shadow = fuse.create(snapshot)
    with (at(shadow) / "README.md").open("r+b", buffering=0) as file, (at(shadow) / "gone").open("wb") as gone:
        file.write(b"before")
        (at(shadow) / "gone").unlink()
        with shadow.fork() as child:
            held = [str(link.readlink()) for link in Path(f"/proc/{child.mount.namespace}/fd").iterdir()]
            assert not [path for path in held if "/upper/" in path]
            file.write(b" and after")
            gone.write(b"nowhere")
            assert child.read("README.md") == b"beforeoject\n"
            child.write("README.md", b"child")
        assert shadow.read("README.md") == b"before and after"


def test_a_sealed_shadow_has_no_server_left(fuse: FuseDriver, snapshot: Snapshot) -> None:
    with fuse.create(snapshot) as shadow:
        pid = shadow.mount.namespace
        assert pid is not None
        with (at(shadow) / "late").open("wb", buffering=0) as file:
            file.write(b"in time")
            change = shadow.seal()
            with pytest.raises(OSError, match=r"not connected|aborted"):
                file.write(b"too late")
        assert change.after("late") == b"in time"
        assert ended(pid)


def test_a_killed_server_is_told_as_what_it_is(fuse: FuseDriver, snapshot: Snapshot) -> None:
    with fuse.create(snapshot) as shadow:
        shadow.write("x", b"1")
        tree = shadow.checkpoint()
        shadow.check()
        assert shadow.mount.namespace is not None
        os.kill(shadow.mount.namespace, signal.SIGKILL)
        assert ended(shadow.mount.namespace)
        for act in (
            shadow.check,
            lambda: shadow.read("x"),
            shadow.checkpoint,
            shadow.fork,
            lambda: shadow.write("x", b"2"),
        ):
            with pytest.raises(ShadowfsError, match="create the shadow again"):
                act()
    shadow.check()
    with fuse.create(snapshot, tree) as again:
        assert again.read("x") == b"1"


def test_a_killed_zygote_is_started_again(fuse: FuseDriver, snapshot: Snapshot) -> None:
    with fuse.create(snapshot) as shadow:
        zygote = fuse._process
        assert zygote is not None
        zygote.kill()
        zygote.wait()
        assert shadow.read("README.md") == b"# A project\n"
        with fuse.create(snapshot) as other:
            assert other.read("README.md") == b"# A project\n"


OWNER = """
import sys
from pathlib import Path
from shadowfs import FuseDriver, Snapshot
state = Path(sys.argv[1])
driver = FuseDriver(state)
shadow = driver.create(Snapshot.load(state, sys.argv[2]))
child = shadow.fork()
child.write("x", b"1")
print(shadow.mount.namespace, child.mount.namespace, driver._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.usefixtures("fuse")
def test_servers_end_with_a_killed_owner_and_are_swept(snapshot: Snapshot, tmp_path: Path) -> None:
    root = Path(__file__).parent.parent.parent
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, tmp_path / "state", snapshot.id],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        owner.kill()
    assert len(pids) == 3 and all(ended(pid) for pid in pids)
    assert len(sweep(tmp_path / "state")) == 2
    assert list((tmp_path / "state/shadows").iterdir()) == []


def test_the_other_loop_serves_as_well(tmp_path: Path, repository: Path, snapshot: Snapshot) -> None:
    before = digest(repository)
    driver = FuseDriver(tmp_path / "state", loop="trio")
    probe = driver.probe()
    if not probe.works:
        pytest.skip(f"fuse: {probe.why}")
    try:
        with driver.create(snapshot) as shadow, shadow.fork() as child, child.fork() as grandchild:
            grandchild.write("pkg/core.py", b"grandchild")
            (at(child) / "pkg").rename(at(child) / "lib")
            assert (at(shadow) / "pkg/core.py").read_bytes() == b"def answer():\n    return 42\n"
            assert grandchild.read("pkg/core.py") == b"grandchild"
            assert len(child.seal().files) == 6
    finally:
        driver.close()
    assert digest(repository) == before


def test_a_repository_that_is_gone_is_told(fuse: FuseDriver, tmp_path: Path) -> None:
    repository = make(tmp_path / "other", {"a": b"1"})
    snapshot = pin(repository, tmp_path / "state")
    repository.rename(tmp_path / "moved")
    with pytest.raises(DriverUnavailable, match="No such file"):
        fuse.create(snapshot)
    assert list((tmp_path / "state/shadows").iterdir()) == []


def test_a_whole_tree_written_below_the_mount_is_one_change(fuse: FuseDriver, snapshot: Snapshot) -> None:
    with fuse.create(snapshot) as shadow:
        write(at(shadow), {f"made/{number % 7}/{number}.txt": b"%d" % number for number in range(200)})
        assert len(shadow.change().files) == 200
        (at(shadow) / "made/3/3.txt").write_bytes(b"again")
        assert shadow.change().after("made/3/3.txt") == b"again"
