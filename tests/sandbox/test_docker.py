"""What the docker driver promises beyond the contract: who commands are, what they see, what is left, and what is said when it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Command, DockerDriver, Ended, Limits, Policy, Root, Sandbox, SandboxError, SandboxUnavailable, sweep
from tests.sandbox.between import Between
from tests.sandbox.cases import tree
from tests.sandbox.dockerimage import containers_of, docker_driver, engine, the_image

__all__ = ["tree"]

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def driver(tmp_path: Path) -> DockerDriver:
    return docker_driver(tmp_path / "scratch")


@pytest.fixture
def sandbox(driver: DockerDriver, tree: Path) -> Iterator[Sandbox]:
    with driver.open(Root(tree, tree)) as opened:
        yield opened


def shell(sandbox: Sandbox, script: str) -> bytes:
    completed = sandbox.run(Command(("sh", "-c", script)))
    assert completed.ended is Ended.EXITED, completed
    return completed.stdout


def test_a_command_is_an_ordinary_user_and_the_trees_files_are_its_own(sandbox: Sandbox, tree: Path) -> None:
    uid = os.getuid() or 1000
    assert shell(sandbox, "id -u; id -un; stat -c %u file").split() == [b"%d" % uid, b"nightcrew", b"%d" % uid]
    shell(sandbox, "echo more >> file; mkdir -p new; echo x > new/file")
    assert (tree / "file").read_text() == "content\nmore\n"
    assert (tree / "new" / "file").stat().st_uid == uid


def test_only_the_tree_and_tmp_can_be_written_to(sandbox: Sandbox) -> None:
    script = "for at in / /etc /usr /var /root /run /run/nightcrew /run/nightcrew.ends /home /dev /sys /proc /proc/sys/kernel; do"
    assert shell(sandbox, f"{script} (: > $at/made) 2>/dev/null && echo $at; done; :") == b""
    assert (
        shell(sandbox, "echo x > /tmp/made; echo y >> /var/tmp/made; cat /tmp/made; echo z > /dev/shm/made")
        == b"x\ny\n"
    )


def test_git_is_at_home(sandbox: Sandbox) -> None:
    assert (
        shell(sandbox, "git init -q . && git add -A && git commit -q -m one && git log --format=%an") == b"nightcrew\n"
    )


def test_the_engine_is_not_within_reach(sandbox: Sandbox) -> None:
    assert (
        shell(sandbox, "find / -xdev -type s 2>/dev/null; ls /var/run/docker.sock /run/docker.sock 2>/dev/null") == b""
    )


def test_no_command_can_touch_what_keeps_its_container(sandbox: Sandbox) -> None:
    # Neither process 1 nor the keeper is the user's: they can be neither stopped nor traced, nor their memory written.
    script = "kill -STOP 1 2>&1; for at in /proc/[0-9]*; do [ $(stat -c %u $at) = 65534 ] && kill -9 ${at#/proc/} 2>&1; done; ls /proc/1/fd 2>&1; :"
    said = shell(sandbox, script)
    assert said.count(b"not permitted") == 3
    assert b"Permission denied" in said


def test_a_policy_gives_the_network_and_nothing_else_does(driver: DockerDriver, tree: Path) -> None:
    script = "ls /sys/class/net"
    with driver.open(Root(tree, tree)) as sandbox:
        assert shell(sandbox, script).split() == [b"lo"]
    with driver.open(Root(tree, tree), Policy(network=True)) as sandbox:
        assert b"eth0" in shell(sandbox, script)


def test_further_paths_are_shown_and_what_is_hidden_of_them_is_not(
    driver: DockerDriver, tree: Path, tmp_path: Path
) -> None:
    shown, writable = tmp_path / "shown", tmp_path / "writable"
    for path in (shown / "secret", writable):
        path.mkdir(parents=True)
    (shown / "plain").write_text("plain\n")
    (shown / "secret" / "key").write_text("key\n")
    (shown / "token").write_text("token\n")
    root = Root(tree, tree, readonly=(shown,), writable=(writable,))
    with driver.open(root, Policy(hidden=(shown / "secret", shown / "token"))) as sandbox:
        assert shell(sandbox, f"cat {shown}/plain {shown}/token; ls {shown}/secret") == b"plain\n"
        assert (
            shell(sandbox, f"(: > {shown}/made) 2>/dev/null; echo x > {writable}/made; ls {shown}")
            == b"plain\nsecret\ntoken\n"
        )
    assert (writable / "made").exists()


def test_a_path_inside_what_commands_can_write_to_is_refused(driver: DockerDriver, tree: Path) -> None:
    (tree / "inner").mkdir()
    with pytest.raises(SandboxError, match="lies inside"):
        driver.open(Root(tree, tree, writable=(tree / "inner",)))


def test_a_container_is_used_again_only_when_nothing_is_left_in_it(sandbox: Sandbox) -> None:
    clean = shell(sandbox, "cat /proc/1/stat")
    assert shell(sandbox, "cat /proc/1/stat").split()[21] == clean.split()[21]
    shell(sandbox, "setsid sleep 1000 >/dev/null 2>&1 & :")
    assert shell(sandbox, "cat /proc/1/stat").split()[21] != clean.split()[21]
    assert b"sleep" not in shell(sandbox, "cat /proc/[0-9]*/comm")


def test_limits_that_a_container_holds_are_the_commands_own(sandbox: Sandbox) -> None:
    script = "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; ulimit -v"
    few = sandbox.run(Command(("sh", "-c", script)), Limits(processes=16, memory_bytes=256 << 20)).stdout.split()
    many = sandbox.run(Command(("sh", "-c", script)), Limits(processes=100, memory_bytes=None)).stdout.split()
    assert few == [b"72", b"262144"]
    assert many == [b"408", b"unlimited"]


PERL = 'open(my $end, "+<&=", $ENV{NIGHTCREW_CHANNEL}); sysread($end, my $said, 9); syswrite($end, uc $said)'


def test_a_command_that_the_kernel_refused_a_thread_has_too_many_even_if_it_minds_it_not(sandbox: Sandbox) -> None:
    script = """
import threading
stop = threading.Event()
try:
    for _ in range(2000): threading.Thread(target=stop.wait).start()
except RuntimeError: print("refused", flush=True)
stop.set()
"""
    completed = sandbox.run(Command(("python3", "-c", script)), Limits(processes=2, wall_s=60))
    # It may be ended before it says so, or after.
    assert completed.stdout in (b"", b"refused\n")
    assert completed.ended is Ended.TOO_MANY_PROCESSES
    assert sandbox.run(Command(("true",)), Limits(processes=2, wall_s=60)).ok


def test_a_channel_is_a_socket_for_programs_of_any_language(sandbox: Sandbox) -> None:
    with sandbox.start(Command(("perl", "-e", PERL))) as process:
        process.channel.sendall(b"hello")
        assert process.channel.recv(10) == b"HELLO"
        completed = process.wait(30)
    assert completed is not None and completed.ok, completed
    shown = Command(("sh", "-c", "env | grep -c PLUG; trap | wc -l"))
    with sandbox.start(shown) as process:
        completed = process.wait(30)
    assert completed is not None and completed.stdout == b"0\n0\n"


def test_a_program_that_does_not_exist_has_a_channel_at_its_end(sandbox: Sandbox) -> None:
    with sandbox.start(Command(("no-such-program",))) as process:
        assert process.channel.recv(10) == b""
        completed = process.wait(30)
    assert completed is not None and completed.ended is Ended.NOT_STARTED, completed


OWNER = """
import sys, threading, time
from pathlib import Path
from sandbox import Command, DockerDriver, Root
tree = Path(sys.argv[1])
sandbox = DockerDriver(sys.argv[2], tree.parent / "scratch").open(Root(tree, tree))
words = ("sh", "-c", "trap '' HUP TERM; setsid sleep " + sys.argv[3] + " & echo begun > begun; kill -STOP -1; sleep " + sys.argv[3])
sandbox.run(Command(words))
"""


def test_a_killed_nightcrew_leaves_no_container_running(tree: Path) -> None:
    words = [sys.executable, "-c", OWNER, str(tree), the_image(), f"300.{os.getpid()}"]
    with subprocess.Popen(words, cwd=ROOT) as owner:
        while not (tree / "begun").exists():
            assert owner.poll() is None
        (made,) = containers_of(owner.pid)
        owner.send_signal(signal.SIGKILL)
    with engine() as client:
        # The keeper's input has ended, and with it the container, by itself.
        client.wait(made, timeout=20, condition="removed")
    assert len(sweep(tree.parent / "scratch")) == 1
    assert list((tree.parent / "scratch").iterdir()) == []


def test_what_a_killed_nightcrew_left_is_swept(driver: DockerDriver, tree: Path) -> None:
    with driver.open(Root(tree, tree)), engine() as client:
        dead = {"nightcrew.owner": "1-1", "nightcrew.scratch": "/nowhere"}
        left = client.create_container(the_image(), ["true"], labels=dead)["Id"]
        (tree.parent / "scratch" / "sandbox-1-1-left").mkdir()
        (tree.parent / "scratch" / "sandbox-1-1-left" / "engine").write_text("unix:///var/run/docker.sock")
        assert sweep(tree.parent / "scratch") == ["sandbox-1-1-left"]
        known = [each["Id"] for each in client.containers(all=True)]
        assert left not in known
        assert containers_of(os.getpid())[0] in known


def test_what_belongs_to_an_engine_that_does_not_answer_stays_for_another_time(tmp_path: Path) -> None:
    (tmp_path / "sandbox-1-1-left").mkdir()
    (tmp_path / "sandbox-1-1-left" / "engine").write_text(f"unix://{tmp_path}/no.sock")
    assert sweep(tmp_path) == []
    assert (tmp_path / "sandbox-1-1-left").exists()


def test_nothing_of_a_closed_sandbox_is_left_at_the_engine(driver: DockerDriver, tree: Path) -> None:
    with driver.open(Root(tree, tree)) as sandbox:
        sandbox.run(Command(("true",)))
        assert len(containers_of(os.getpid())) == 1
    assert containers_of(os.getpid()) == []
    with pytest.raises(SandboxError), driver.open(Root(tree / "missing", tree)):
        pass
    assert containers_of(os.getpid()) == []
    assert list((tree.parent / "scratch").iterdir()) == []


def test_a_container_that_is_removed_under_a_command_is_told(sandbox: Sandbox) -> None:
    with sandbox.start(Command(("sleep", "300"))) as process, engine() as client:
        client.remove_container(containers_of(os.getpid())[0], force=True)
        with pytest.raises(SandboxError, match="ended while it ran"):
            process.wait(30)
    assert shell(sandbox, "echo again") == b"again\n"


@pytest.mark.parametrize(
    ("image", "address", "said"),
    [
        ("no-such-image:1", None, "there is no image 'no-such-image:1' on this machine"),
        ("any", "tcp://127.0.0.1:1", "no Docker engine answers at tcp://127.0.0.1:1"),
        ("any", "unix:///nowhere/docker.sock", "no Docker engine answers at unix:///nowhere/docker.sock"),
        (None, None, "no image is named"),
    ],
)
def test_what_is_missing_is_told_in_one_message(
    tree: Path, tmp_path: Path, image: str | None, address: str | None, said: str
) -> None:
    the_image()
    with pytest.raises(SandboxUnavailable, match=said):
        DockerDriver(image, tmp_path / "other", address).open(Root(tree, tree))
    assert not list((tmp_path / "other").glob("*"))


@pytest.mark.skipif(os.getuid() != 0, reason="root alone can become another user")
def test_a_socket_that_may_not_be_opened_is_told() -> None:
    the_image()
    said, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setgid(1234)
        os.setuid(1234)
        os.write(tell, DockerDriver("any", Path("/nowhere")).probe().why.encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert b"may not be opened: `usermod -aG docker" in os.read(said, 1000)
    os.close(said)
    os.close(tell)


def test_a_shadow_in_a_namespace_of_its_own_is_refused(driver: DockerDriver, tree: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="namespace"):
        driver.open(Root(tree, tree, namespace=1))


def test_an_engine_that_goes_away_is_told_and_takes_the_command_along(tree: Path) -> None:
    between = Between(tree.parent / "between.sock")
    sandbox = DockerDriver(the_image(), tree.parent / "scratch", between.address).open(Root(tree, tree))
    with sandbox, sandbox.start(Command(("sleep", "300"))) as process:
        (made,) = containers_of(os.getpid())
        between.go()
        with pytest.raises(SandboxError, match=r"no Docker engine answers|went away|ended while it ran"):
            process.wait(30)
        with pytest.raises(SandboxUnavailable, match="no Docker engine answers"):
            sandbox.run(Command(("true",)))
    with engine() as client:
        client.wait(made, timeout=20, condition="removed")
    assert list((tree.parent / "scratch").iterdir()) == []
