"""Escapes by files: each attack is run in a sandbox, where it must not bite, and without one, where it must."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox import Command
from shadowfs import RefusedPath
from tests.e2e.arena import COMBINATIONS, Attacker, Bare, Guarded, bare, digest, guarding, needs_local, opened, remotely

pytestmark = needs_local
__all__ = ["bare"]


@pytest.fixture(params=COMBINATIONS)
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Guarded]:
    with guarding(tmp_path / "guarded", *COMBINATIONS[request.param]) as attacker:
        yield attacker


def test_fs_1_nothing_is_written_outside_the_tree(bare: Bare, guarded: Guarded) -> None:
    def harmed(attacker: Attacker) -> list[str]:
        script = "for at in $VICTIM/made ../made $HOME/made $REPOSITORY/.git/made; do echo x > $at; done"
        attacker.run(script, HOME=str(attacker.place.base / "home"))
        made = [*attacker.place.base.rglob("made")]
        return sorted(str(path.relative_to(attacker.place.base)) for path in made if "state" not in path.parts[-4:])

    assert harmed(bare) == ["home/made", "home/project/.git/made", "victim/made"]
    assert harmed(guarded) == []


WRITE = "for at in $PLACES; do echo x > $at/made && echo $at; done"
LAYERED = ("/etc", "/usr", "/usr/bin", "/var", "/opt", "/root", "/home")
# Over each directory of the system lies a layer, gone with the namespace that it is mounted in: the control writes to that.
LAYERS = """
set -e; mount -t tmpfs none "$VICTIM"
for at in $PLACES; do
  mkdir -p "$VICTIM/up$at" "$VICTIM/work$at"
  mount -t overlay none -o "lowerdir=$at,upperdir=$VICTIM/up$at,workdir=$VICTIM/work$at" $at
done
set +e
"""


def test_fs_1_the_system_is_read_only(bare: Bare, guarded: Guarded) -> None:
    if os.getuid() == 0:
        there = " ".join(LAYERED)
        control = bare.run('exec unshare -m sh -c "$SCRIPT"', SCRIPT=LAYERS + WRITE, PLACES=there)
        assert control.stdout.decode().split() == list(LAYERED), control.stderr
        assert not any(Path(at, "made").exists() for at in LAYERED)
    # These without a control: no layer goes over them.
    rest = ("/", "/sys", "/boot", "/proc/sys/kernel", "/run", "/srv", "/mnt")
    assert guarded.run(WRITE, PLACES=" ".join((*LAYERED, *rest))).stdout == b""


def test_fs_2_a_link_out_of_the_tree_leads_nowhere(bare: Bare, guarded: Guarded) -> None:
    script = "ln -s $VICTIM out && cat out/secret && echo x > out/made"
    assert bare.run(script).stdout == b"a secret\n"
    assert (bare.place.victim / "made").exists()
    assert guarded.run(script).stdout == b""
    assert not (guarded.place.victim / "made").exists()


@remotely
def test_fs_3_a_link_left_in_the_tree_is_not_followed_by_the_host(bare: Bare, guarded: Guarded) -> None:
    script = "ln -s $VICTIM/secret link; ln -s $VICTIM directory; ln -s /proc/self/root$VICTIM/secret magic"
    bare.run(script)
    guarded.run(script)
    assert (bare.place.repository / "link").read_text() == "a secret\n"
    (bare.place.repository / "directory" / "made").write_text("x")
    assert (bare.place.victim / "made").exists()
    for path in ("link", "directory/secret", "magic"):
        with pytest.raises((RefusedPath, FileNotFoundError)):
            guarded.shadow.read(path)
        with pytest.raises((RefusedPath, FileNotFoundError)):
            guarded.shadow.write(path, b"overwritten")
    assert (guarded.place.victim / "secret").read_text() == "a secret\n"
    for path in ("link", "directory"):
        assert guarded.shadow.change().after(path) == os.fsencode(os.readlink(bare.place.repository / path)).replace(  # noqa: PTH115
            b"/bare/", b"/guarded/"
        )


SWAP = "mkdir -p d; while :; do mv d real; ln -s $VICTIM d; rm d; mv real d; done"


def test_fs_4_a_link_swapped_in_while_the_host_writes_catches_nothing(bare: Bare, guarded: Guarded) -> None:
    def written(at: Path, victim: Path, stop: threading.Event) -> bool:
        while not stop.is_set():
            try:
                (at / "d" / "made").write_text("x")
            except OSError:
                continue
            if (victim / "made").exists():
                return True
        return False

    stop = threading.Event()
    timer = threading.Timer(30, stop.set)
    timer.start()
    bare.start(SWAP)
    assert written(bare.place.repository, bare.place.victim, stop)
    timer.cancel()
    with guarded.start(SWAP):
        for _ in range(2000):
            try:
                guarded.shadow.write("d/made", b"x")
            except (OSError, RefusedPath):
                continue
    assert [path.name for path in guarded.place.victim.iterdir()] == ["secret"]


SWAP_READ = """
mkdir real; echo mine > real/secret; echo mine > file
while :; do
  ln -s $VICTIM/secret link; mv -T link file; mv -T real d; mv -T d real; ln -s $VICTIM d; rm d; echo mine > plain; mv -T plain file
done
"""


def test_fs_4_a_link_swapped_in_while_the_host_reads_shows_nothing(bare: Bare, guarded: Guarded) -> None:
    deadline = time.monotonic() + 30
    bare.start(SWAP_READ)
    read = b""
    while read != b"a secret\n":
        assert time.monotonic() < deadline
        with suppress(FileNotFoundError):
            read = (bare.place.repository / "file").read_bytes()
    secret = guarded.snapshot.depot.write(b"a secret\n")
    with guarded.start(SWAP_READ):
        for _ in range(30):
            entries = guarded.snapshot.depot.entries(guarded.shadow.checkpoint())
            assert secret not in {entry.blob for entry in entries.values()}
        for _ in range(10):
            with guarded.shadow.fork() as fork:
                assert secret not in {
                    entry.blob for entry in guarded.snapshot.depot.entries(fork.checkpoint()).values()
                }


def test_fs_5_a_hard_link_does_not_reach_the_users_file(bare: Bare, guarded: Guarded) -> None:
    script = "ln file twin; echo more >> twin; cat file"
    assert bare.run(script).stdout == guarded.run(script).stdout == b"content\nmore\n"
    assert (bare.place.repository / "file").read_text() == "content\nmore\n"
    assert (guarded.place.repository / "file").read_text() == "content\n"
    assert (guarded.place.repository / "file").stat().st_nlink == 1


WAYS = """
import ctypes, mmap, os
def fresh(): return os.open("file", os.O_RDWR)
def mapped():
    with mmap.mmap(fresh(), 0) as memory: memory[0:1] = b"M"
def copied():
    open("source", "wb").write(b"copied\\n"); os.copy_file_range(os.open("source", os.O_RDONLY), fresh(), 7)
def renamed():
    open("other", "wb").write(b"renamed\\n"); os.rename("other", "file")
ways = [
    lambda: os.close(os.open("file", os.O_WRONLY | os.O_TRUNC)), lambda: os.write(fresh(), b"written\\n"), lambda: os.truncate("file", 3),
    lambda: os.ftruncate(fresh(), 9), mapped, copied, lambda: os.posix_fallocate(fresh(), 0, 4096), lambda: os.chmod("file", 0o777),
    lambda: os.utime("file", (1, 1)), lambda: os.setxattr("package/module.py", "user.mark", b"x"), renamed,
    lambda: os.remove("package/module.py"), lambda: os.rmdir("package"), lambda: os.chown("file", os.getuid(), os.getgid()),
]
for way in ways:
    try: way()
    except OSError: pass
"""


def test_fs_6_no_way_of_writing_reaches_the_users_tree(bare: Bare, guarded: Guarded) -> None:
    for attacker, changes in ((bare, True), (guarded, False)):
        before = digest(attacker.place.repository)
        completed = attacker.run('exec "$PYTHON" -I -c "$WAYS"', WAYS=WAYS)
        assert completed.ok, completed.stderr
        assert (digest(attacker.place.repository) != before) is changes
    assert guarded.shadow.read("file").startswith(b"renamed")


def test_fs_7_forks_of_a_shadow_do_not_see_each_other(bare: Bare, guarded: Guarded) -> None:
    bare.run("echo one > one")
    assert bare.run("cat one").stdout == b"one\n"
    guarded.run("echo parent > before")
    with guarded.shadow.fork() as left, guarded.shadow.fork() as right:
        with opened(guarded.place, left) as first, opened(guarded.place, right) as second:
            first.run(Command(("sh", "-c", "echo left > made; echo left > file")))
            seen = second.run(Command(("sh", "-c", "cat before file made"))).stdout
        assert seen == b"parent\ncontent\n"
        assert guarded.run("cat file made").stdout == b"content\n"
        assert left.read("made") == b"left\n"


def test_fs_8_device_nodes_are_refused_and_setuid_has_no_effect(bare: Bare, guarded: Guarded) -> None:
    node = "mknod disk c 1 5 && head -c 4 disk | od -An -tx1"
    if os.getuid() == 0:
        assert bare.run(node).stdout.split() == [b"00"] * 4
    assert guarded.run(node).stdout == b""
    # Of another user than the one who runs it: nobody's.
    setuid = "cp $(command -v id) program; chown nobody program; chmod 4755 program; ./program -u"
    if os.getuid() == 0:
        assert bare.run(setuid).stdout == b"65534\n"
    assert guarded.run(setuid).stdout == guarded.run("id -u").stdout != b"65534\n"
    script = "cp /bin/sh shell && chmod 4755 shell && grep NoNewPrivs /proc/self/status; grep -o nosuid /proc/mounts | head -1"
    said = guarded.run(script).stdout.decode().split()
    assert said == ["NoNewPrivs:", "1", "nosuid"]


def test_fs_9_no_descriptor_of_the_host_is_inherited(bare: Bare, guarded: Guarded) -> None:
    script = "for fd in /proc/self/fd/*; do echo made >> $fd; done 2>/dev/null"
    for attacker, written in ((bare, True), (guarded, False)):
        with (attacker.place.victim / "open").open("w") as file:
            os.set_inheritable(file.fileno(), True)
            attacker.run(script)
        assert ((attacker.place.victim / "open").read_text() != "") is written


def test_fs_10_the_store_behind_the_shadow_is_out_of_reach(bare: Bare, guarded: Guarded) -> None:
    (bare.place.state / "journal").write_text("x")
    (guarded.place.state / "journal").write_text("x")
    script = "ls -A $STATE; echo y > $STATE/journal"
    assert b"journal" in bare.run(script).stdout
    listed = guarded.run(script + "; ls -A $STATE/*").stdout.decode()
    assert "journal" not in listed
    assert "pins" not in listed
    assert (bare.place.state / "journal").read_text() == "y\n"
    assert (guarded.place.state / "journal").read_text() == "x"
