"""The docker driver with an engine out of sight: what is shipped and taken back, what is left, what is said when it fails."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import pytest
from docker.errors import NotFound

from sandbox import Command, DockerDriver, Ended, Limits, Policy, Root, Sandbox, SandboxError, SandboxUnavailable, sweep
from tests.sandbox.between import Between
from tests.sandbox.cases import tree
from tests.sandbox.dockerimage import IMAGES_PYTHON, containers, containers_of, engine, remote_driver, the_image

__all__ = ["tree"]

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[DockerDriver]:
    with remote_driver(tmp_path / "scratch", tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Yield a sandbox for one test after the other: to open each its own takes too long."""
    base = tmp_path_factory.mktemp("far")
    (base / "tree").mkdir()
    (base / "tree" / "file").write_text("content\n")
    with remote_driver(base / "scratch", base) as driver, driver.open(Root(base / "tree", base / "tree")) as opened:
        yield opened


def shell(sandbox: Sandbox, script: str) -> bytes:
    completed = sandbox.run(Command(("sh", "-c", script)))
    assert completed.ended is Ended.EXITED, completed
    return completed.stdout


def await_end(client: docker.APIClient, container: str) -> None:
    with suppress(NotFound):
        client.wait(container, timeout=60, condition="removed")


def volumes_of(scratch: Path) -> list[str]:
    """Return the volumes that belong to sandboxes of a scratch root."""
    with engine() as client:
        found = client.volumes(filters={"label": ["nightcrew.scratch"]})["Volumes"] or ()
    return [each["Name"] for each in found if each["Labels"]["nightcrew.scratch"].startswith(str(scratch))]


def test_a_tree_goes_there_and_comes_back(driver: DockerDriver, tree: Path, tmp_path: Path) -> None:
    git_dir, objects = tmp_path / "git", tmp_path / "objects"
    for path in (tree / "deep" / "er", tree / "empty", git_dir, objects / "secret"):
        path.mkdir(parents=True)
    (tree / "run").write_text("#!/bin/sh\necho ran\n")
    (tree / "run").chmod(0o755)
    (tree / "link").symlink_to("deep/er/file")
    (tree / "deep" / "er" / "file").write_bytes(bytes(range(256)) * 5000)
    odd = os.fsdecode(b"odd \xff\n'name")
    (tree / odd).write_text("odd\n")
    (objects / "object").write_text("object\n")
    (objects / "secret" / "key").write_text("key\n")
    root = Root(tree, tree, readonly=(objects,), writable=(git_dir,))
    with driver.open(root, Policy(hidden=(objects / "secret",))) as sandbox:
        data = bytes(range(256)) * 5000
        said = shell(sandbox, f"./run; cat odd* {objects}/object; ls -A {objects} empty; sha256sum < link; id -un")
        listed = (f"{objects}:".encode(), b"object", b"empty:")
        digest = hashlib.sha256(data).hexdigest().encode()
        assert said.split() == [b"ran", b"odd", b"object", *listed, digest, b"-", b"nightcrew"]
        # What is made, changed and removed there is so here, at the command's end.
        script = f"rm -r deep; mkdir deep; echo 1 > deep/new; ln -sf run link; chmod 600 run; echo x > {git_dir}/HEAD; mv odd* even; rm -r empty; echo y > empty"
        shell(sandbox, script + f"; (: > {objects}/made) 2>/dev/null; :")
        assert sorted(path.name for path in tree.iterdir()) == ["deep", "empty", "even", "file", "link", "run"]
        assert ((tree / "deep" / "new").read_text(), (tree / "link").readlink(), (tree / "even").read_text()) == (
            "1\n",
            Path("run"),
            "odd\n",
        )
        assert ((tree / "run").stat().st_mode & 0o777, (tree / "empty").read_text()) == (0o600, "y\n")
        assert ((git_dir / "HEAD").read_text(), sorted(objects.iterdir())) == (
            "x\n",
            [objects / "object", objects / "secret"],
        )
        # And what changes here in between is there at the next one's start, with its time.
        (tree / "deep" / "new").unlink()
        (tree / "file").write_text("more\n")
        os.utime(tree / "file", ns=(1_700_000_000_000_000_000,) * 2)
        assert shell(sandbox, "ls deep; cat file; stat -c %Y file") == b"more\n1700000000\n"
        assert (tree / "file").stat().st_mtime_ns == 1_700_000_000_000_000_000
    assert volumes_of(tmp_path) == []


HOSTILE = """
import os, socket, stat
os.makedirs("swapped"); open("swapped/file", "w").write("there")
os.symlink(os.environ["VICTIM"], "away")
os.symlink("/etc/passwd", "absolute")
os.makedirs("sub/.git/hooks"); open("sub/.git/hooks/pre-commit", "w").write("x")
os.makedirs(".GIT. "); open(".GIT. /config", "w").write("x")
open(".git", "w").write("gitdir: /elsewhere")
os.mkfifo("pipe"); socket.socket(socket.AF_UNIX).bind("listener")
open("setuid", "w").write("x"); os.chmod("setuid", 0o6777)
open("closed", "w").write("closed"); os.chmod("closed", 0)
os.mkdir("shut"); open("shut/file", "w").write("in"); os.chmod("shut", 0)
os.link("file", "hard")
with open("sparse", "wb") as file: file.truncate(100000)
"""


def test_what_a_command_leaves_is_written_inside_the_tree_and_nowhere_else(
    driver: DockerDriver, tree: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (tree / ".git").write_text("gitdir: /somewhere\n")
    with driver.open(Root(tree, tree)) as sandbox:
        command = Command((IMAGES_PYTHON, "-I", "-c", HOSTILE), environment={"VICTIM": str(victim)})
        completed = sandbox.run(command)
        assert completed.ok, completed
        names = {str(path.relative_to(tree)) for path in tree.rglob("*")}
        assert names == {
            *("file", "swapped", "swapped/file", "away", "absolute", ".git", "sub"),
            *("setuid", "closed", "shut", "shut/file", "hard", "sparse"),
        }
        assert (tree / ".git").read_text() == "gitdir: /somewhere\n"
        assert (tree / "away").readlink() == victim
        assert (tree / "setuid").stat().st_mode & 0o7777 == 0o777
        assert ((tree / "shut" / "file").read_text(), (tree / "sparse").stat().st_size) == ("in", 100000)
        assert (tree / "hard").stat().st_nlink == 1
        # A directory here that is a link by the time something is to be written below it.
        (tree / "swapped" / "file").unlink()
        (tree / "swapped").rmdir()
        (tree / "swapped").symlink_to(victim)
        with sandbox.start(
            Command(("sh", "-c", "rm swapped; mkdir swapped; echo x > swapped/made; read answer; :"), stdin=b"")
        ) as process:
            completed_late = process.wait(30)
        assert completed_late is not None and completed_late.ok
        assert (tree / "swapped" / "made").read_text() == "x\n"
    assert list(victim.iterdir()) == []


def test_a_link_here_in_the_way_of_what_was_written_there_leads_nowhere(far: Sandbox, tmp_path: Path) -> None:
    sandbox, tree = far, far.root
    victim = tmp_path / "victim"
    victim.mkdir()
    (tree / "inner").mkdir()
    talk = "import os, socket; c = socket.socket(fileno=int(os.environ['NIGHTCREW_CHANNEL'])); c.send(b'x'); c.recv(1); open('inner/made', 'w')"
    with sandbox.start(Command((IMAGES_PYTHON, "-I", "-c", talk))) as process:
        assert process.channel.recv(1) == b"x"
        (tree / "inner").rmdir()
        (tree / "inner").symlink_to(victim)
        process.channel.sendall(b"y")
        completed = process.wait(30)
    assert completed is not None and completed.ok
    assert list(victim.iterdir()) == []


def test_no_container_has_a_file_of_this_machine_or_the_network(far: Sandbox) -> None:
    assert shell(far, "ls /sys/class/net") == b"lo\n"
    with engine() as client:
        made = [client.inspect_container(each) for each in containers(far.root.parent)]
    assert len(made) >= 2
    for each in made:
        assert {mount["Type"] for mount in each["Mounts"]} <= {"volume", "tmpfs"}
        held = each["HostConfig"]
        assert (held["NetworkMode"], held["ReadonlyRootfs"], held["CapDrop"], held["Binds"]) == (
            "none",
            True,
            ["ALL"],
            None,
        )
        assert "no-new-privileges" in held["SecurityOpt"]
        assert each["Config"]["User"].split(":")[0] != "0"


def test_a_second_sandbox_ships_only_what_the_engine_lacks(driver: DockerDriver, tree: Path) -> None:
    (tree / "big").write_bytes(os.urandom(5 << 20))
    sent = []
    for _ in range(2):
        with Counting(tree.parent / "between.sock") as between:
            address = DockerDriver(the_image(), tree.parent / "scratch", between.address, remote=True)
            with address.open(Root(tree, tree)) as sandbox:
                assert len(shell(sandbox, "cat big | wc -c")) > 0
            sent.append(between.sent)
        (tree.parent / "between.sock").unlink(missing_ok=True)
    assert sent[0] > 5 << 20
    assert sent[1] < 1 << 20
    # What is kept is not within the reach of commands.
    with driver.open(Root(tree, tree)) as sandbox:
        assert (
            shell(sandbox, "ls /run/nightcrew.porter/cache 2>/dev/null; ls /run/nightcrew.porter | wc -l").split()[-1:]
            != []
        )
        assert b"cache" not in shell(sandbox, "cat /proc/self/mountinfo")


def test_commands_at_the_same_time_keep_each_others_files(far: Sandbox) -> None:
    words = [Command(("sh", "-c", f"echo {number} > made{number}")) for number in range(3)]
    started = [far.start(command) for command in words]
    for process in started:
        completed = process.wait(60)
        assert completed is not None and completed.ok, completed
        process.__exit__()
    assert [(far.root / f"made{number}").read_text() for number in range(3)] == ["0\n", "1\n", "2\n"]


@contextmanager
def Counting(path: Path) -> Iterator[Between]:
    between = Between(path)
    try:
        yield between
    finally:
        between.go()


OWNER = """
import sys
from pathlib import Path
from sandbox import Command, DockerDriver, Root
tree = Path(sys.argv[1])
sandbox = DockerDriver(sys.argv[2], tree.parent / "scratch", remote=True).open(Root(tree, tree))
with sandbox.start(Command((sys.argv[3], "-I", "-c", sys.argv[4]))) as process:
    print(process.channel.recv(1), flush=True)
    process.wait()
"""
STUBBORN = """
import os, signal, socket, time
for number in (signal.SIGHUP, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)
if os.fork() == 0: os.setsid()
else: socket.socket(fileno=int(os.environ["NIGHTCREW_CHANNEL"])).send(b"x")
os.kill(-1, signal.SIGSTOP)
time.sleep(300)
"""


def test_a_killed_nightcrew_leaves_nothing_there(tree: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-c", OWNER, str(tree), the_image(), IMAGES_PYTHON, STUBBORN]
    with (
        remote_driver(tmp_path / "scratch", tmp_path),
        subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE) as owner,
        engine() as client,
    ):
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"b'x'\n"
        made = containers_of(owner.pid)
        assert len(made) == 2
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        for each in made:
            # Their input has ended, and with it the containers, by themselves.
            await_end(client, each)
        assert len(sweep(tree.parent / "scratch")) == 1
        assert volumes_of(tree.parent / "scratch") == []
        assert list((tree.parent / "scratch").iterdir()) == []


def test_what_another_machine_left_is_not_swept(driver: DockerDriver, tree: Path) -> None:
    with driver.open(Root(tree, tree)), engine() as client:
        other = {"nightcrew.owner": "1-1", "nightcrew.scratch": "/elsewhere/sandbox-1-1-x"}
        theirs = client.create_container(the_image(), ["true"], labels=other)["Id"]
        left = tree.parent / "scratch" / "sandbox-1-1-left"
        left.mkdir()
        mine = client.create_volume(labels={"nightcrew.scratch": str(left)})["Name"]
        (left / "engine").write_text('{"url": "unix:///var/run/docker.sock", "shared": true}')
        try:
            assert sweep(tree.parent / "scratch") == ["sandbox-1-1-left"]
            assert theirs in [each["Id"] for each in client.containers(all=True)]
            assert mine not in [each["Name"] for each in client.volumes()["Volumes"]]
        finally:
            client.remove_container(theirs)


@pytest.mark.usefixtures("driver")
def test_an_engine_that_goes_away_is_told_and_what_it_holds_ends(tree: Path) -> None:
    between = Between(tree.parent / "between.sock")
    far = DockerDriver(the_image(), tree.parent / "scratch", between.address, remote=True)
    with (
        far.open(Root(tree, tree)) as sandbox,
        sandbox.start(Command((IMAGES_PYTHON, "-I", "-c", STUBBORN))) as process,
    ):
        assert process.channel.recv(1) == b"x"
        made = list(containers(tree.parent))
        between.go()
        with pytest.raises(
            SandboxError, match=r"no Docker engine answers|went away|ended while it ran|cannot be reached"
        ):
            process.wait(60)
        with pytest.raises(SandboxError):
            sandbox.run(Command(("true",)))
    with engine() as client:
        for each in made:
            await_end(client, each)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tcp://nightcrew.invalid:2376"])
def test_an_engine_that_does_not_answer_is_told(tree: Path, tmp_path: Path, address: str) -> None:
    with pytest.raises(SandboxUnavailable, match="no Docker engine answers"):
        DockerDriver("any", tmp_path / "other", address).open(Root(tree, tree))


def test_a_tree_that_holds_what_may_not_be_read_is_told(driver: DockerDriver, tree: Path) -> None:
    (tree.parent / "file").write_text("no directory")
    with pytest.raises(SandboxError, match="is no directory"):
        driver.open(Root(tree, tree, readonly=(tree.parent / "file",)))
    assert volumes_of(tree.parent) == []
    assert list((tree.parent / "scratch").iterdir()) == []


def send_all(end: socket.socket, data: bytes) -> None:
    end.sendall(data)
    end.shutdown(socket.SHUT_WR)


def test_what_a_command_said_at_its_end_is_heard_after_it(far: Sandbox) -> None:
    code = "import os, socket; socket.socket(fileno=int(os.environ['NIGHTCREW_CHANNEL'])).sendall(b'x' * 150_000)"
    with far.start(Command((IMAGES_PYTHON, "-I", "-c", code))) as process:
        completed = process.wait(60)
        assert completed is not None and completed.ok, completed
        heard = b""
        while data := process.channel.recv(1 << 16):
            heard += data
    assert heard == b"x" * 150_000


def test_a_channel_carries_much_both_ways_at_once(far: Sandbox) -> None:
    code = """
import os, socket
with socket.socket(fileno=int(os.environ["NIGHTCREW_CHANNEL"])) as channel:
    channel.sendall(b"x" * 5_000_000)
    heard = 0
    while data := channel.recv(1 << 16): heard += len(data)
    channel.sendall(b"%d" % heard)
"""
    with far.start(Command((IMAGES_PYTHON, "-I", "-c", code))) as process:
        sending = threading.Thread(target=send_all, args=(process.channel, b"y" * 3_000_000))
        sending.start()
        heard = b""
        while data := process.channel.recv(1 << 16):
            heard += data
        sending.join()
        assert heard == b"x" * 5_000_000 + b"3000000"
        completed = process.wait(60)
    assert completed is not None and completed.ok, completed


def test_a_limit_ends_it_and_what_it_wrote_before_is_kept(far: Sandbox) -> None:
    completed = far.run(Command(("sh", "-c", "echo kept > made; sleep 300")), Limits(wall_s=6))
    assert completed.ended is Ended.TIMED_OUT
    assert (far.root / "made").read_text() == "kept\n"
