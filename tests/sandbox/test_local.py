"""The local sandbox: what commands see, whose they are, and that they end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sandbox import Command, Ended, Limits, LocalDriver, Policy, Root, SandboxError, sweep
from sandbox.owner import owner
from tests.sandbox.cases import PYTHON, TOOLS, OpenLocal, alive_with, needs_local, open_local, python, shell, tree

pytestmark = needs_local
__all__ = ["open_local", "tree"]

ROOT = Path(__file__).parent.parent.parent


def test_the_tree_is_seen_at_its_own_path_and_belongs_to_the_command(open_local: OpenLocal, tree: Path) -> None:
    completed = python(
        open_local(),
        "import os; s = os.stat('file'); print(os.getcwd()); print(s.st_uid == os.getuid() != 0, s.st_gid == os.getgid())",
    )
    assert completed.stdout.decode().splitlines() == [str(tree), "True True"]


def test_another_directory_can_stand_at_the_path_of_the_tree(open_local: OpenLocal, tree: Path, tmp_path: Path) -> None:
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    sandbox = open_local(root=Root(shadow, tree))
    assert shell(sandbox, "ls; echo made > made").stdout == b""
    assert (shadow / "made").read_text() == "made\n"
    assert sorted(path.name for path in tree.iterdir()) == ["file"]


def test_further_paths_are_seen_read_only_or_writable(open_local: OpenLocal, tree: Path, tmp_path: Path) -> None:
    for name in ("objects", "git"):
        (tmp_path / name).mkdir()
    root = Root(tree, tree, readonly=(tmp_path / "objects",), writable=(tmp_path / "git",))
    sandbox = open_local(root=root)
    assert shell(sandbox, f"touch '{tmp_path}/git/made'").ok
    assert not shell(sandbox, f"touch '{tmp_path}/objects/made'").ok
    assert (tmp_path / "git" / "made").exists()


def test_a_writable_path_inside_the_tree_is_refused(open_local: OpenLocal, tree: Path) -> None:
    (tree / "state").mkdir()
    with pytest.raises(SandboxError, match="outside of the repository"):
        open_local(root=Root(tree, tree, writable=(tree / "state",)))


def test_a_link_that_a_command_left_in_tmp_does_not_lead_the_next_mount_astray(open_local: OpenLocal) -> None:
    here = Path(f"/tmp/nightcrew-test-{os.getpid()}")
    aim = here / "aim"
    (here / "deep" / "tree").mkdir(parents=True)
    aim.mkdir()
    try:
        root = Root(here / "deep" / "tree", here / "deep" / "tree")
        sandbox = open_local(root=root)
        attack = f"cd /tmp; mv {here.name} moved; rm -rf {here.name}; ln -s ../../oldroot{aim} {here.name}"
        shell(sandbox, attack)
        assert shell(sandbox, "pwd").stdout.decode().strip() == str(root.target)
        assert list(aim.iterdir()) == []
    finally:
        shutil.rmtree(here)


def test_git_works_in_the_tree_and_has_an_identity(open_local: OpenLocal) -> None:
    completed = shell(open_local(), "git init -q && git add . && git commit -q -m first && git log --format=%an%n%s")
    assert completed.stdout == b"nightcrew\nfirst\n"
    assert completed.stderr == b""


def test_the_user_of_a_command_has_a_name_and_a_home_of_its_own(open_local: OpenLocal) -> None:
    code = (
        "import getpass, pathlib, pwd, os; print(getpass.getuser(), pathlib.Path.home(), pwd.getpwuid(os.getuid())[0])"
    )
    assert python(open_local(), code).stdout == b"nightcrew /tmp/home nightcrew\n"


def test_an_interpreter_in_a_hidden_home_runs_where_its_toolchain_is_shown(open_local: OpenLocal) -> None:
    assert python(open_local(), "import sys, ssl, sqlite3; print(sys.prefix)").ok


def test_the_standard_library_of_parallel_work_is_not_broken(open_local: OpenLocal) -> None:
    code = """
import asyncio, concurrent.futures, multiprocessing, multiprocessing.shared_memory, os, pty, socket, subprocess, threading
def work(queue, lock):
    with lock: queue.put(os.getpid())
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    queue, lock = context.Queue(), context.Lock()
    children = [context.Process(target=work, args=(queue, lock)) for _ in range(3)]
    [child.start() for child in children]
    assert len({queue.get() for _ in children}) == 3
    [child.join() for child in children]
    block = multiprocessing.shared_memory.SharedMemory(create=True, size=1 << 20); block.close(); block.unlink()
    with concurrent.futures.ThreadPoolExecutor(8) as pool: assert sum(pool.map(len, ["ab"] * 100)) == 200
    async def talk():
        server = await asyncio.start_server(lambda r, w: (w.write(b"hi"), w.close()), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b"hi"; writer.close(); server.close()
        child = await asyncio.create_subprocess_exec("true"); assert await child.wait() == 0
    asyncio.run(talk())
    assert socket.if_nameindex() == [(1, "lo")]
    assert socket.getaddrinfo("127.0.0.1", 80)
    assert socket.gethostname()
    unix = socket.socket(socket.AF_UNIX); unix.bind("/tmp/socket"); unix.listen(); unix.close()
    master, slave = pty.openpty(); os.close(master); os.close(slave)
    assert os.cpu_count() and os.sched_getaffinity(0)
    print("all of it")
"""
    completed = python(open_local(), code)
    assert completed.stdout == b"all of it\n", completed.stderr


def test_hidden_paths_do_not_exist_or_are_empty(open_local: OpenLocal, tree: Path) -> None:
    visible = Path("/usr/share/zoneinfo")
    sandbox = open_local(Policy(hidden=(visible, Path("/usr/bin/git"), tree / "not there")))
    assert shell(sandbox, f"ls -A {visible}").stdout == b""
    assert not shell(sandbox, "head -c1 /usr/bin/git").ok


def test_what_nobody_but_root_may_read_is_not_read(open_local: OpenLocal) -> None:
    code = """
import os
for top, _, files in os.walk("/etc"):
    for name in files:
        path = os.path.join(top, name)
        try:
            if not os.stat(path).st_mode & 0o004 and open(path, "rb").read(1): print("read", path)
        except OSError: pass
"""
    assert python(open_local(), code).stdout == b""


def test_the_empty_places_cannot_be_filled(open_local: OpenLocal) -> None:
    script = "for d in / /home /root /run /var /var/lib /dev /usr /etc /opt; do touch $d/made 2>/dev/null && echo $d; done; :"
    assert shell(open_local(), script).stdout == b""


def test_var_tmp_is_the_private_tmp(open_local: OpenLocal) -> None:
    assert shell(open_local(), "echo x > /var/tmp/a && cat /tmp/a").stdout == b"x\n"


def test_the_network_is_shared_only_where_the_policy_says_so(open_local: OpenLocal) -> None:
    show = "readlink /proc/self/ns/net"
    ours = os.readlink("/proc/self/ns/net").encode() + b"\n"  # noqa: PTH115
    assert shell(open_local(Policy(network=True)), show).stdout == ours
    assert shell(open_local(), show).stdout != ours


def test_a_channel_is_the_only_descriptor_more(open_local: OpenLocal, tmp_path: Path) -> None:
    with (tmp_path / "leak").open("w") as leak:
        os.set_inheritable(leak.fileno(), True)
        code = """
import os
listed = [int(name) for name in os.listdir("/proc/self/fd")]
print([number for number in sorted(listed) if os.path.exists(f"/proc/self/fd/{number}")], os.environ["NIGHTCREW_CHANNEL"])
"""
        with open_local().start(Command((PYTHON, "-I", "-c", code))) as process:
            completed = process.wait(30)
    assert completed is not None
    listed, _, channel = completed.stdout.decode().rpartition(" ")
    assert listed == f"[0, 1, 2, {channel.strip()}]"


def test_what_was_to_be_hidden_may_go_away_meanwhile(open_local: OpenLocal, tree: Path, tmp_path: Path) -> None:
    objects = tmp_path / "objects"
    objects.mkdir()
    (objects / "hidden").write_text("x")
    root = Root(tree, tree, readonly=(objects, tmp_path / "never there"))
    sandbox = open_local(Policy(hidden=(objects / "hidden",)), root)
    assert not shell(sandbox, f"cat '{objects}/hidden'").ok
    (objects / "hidden").unlink()
    assert shell(sandbox, f"ls '{objects}'").stdout == b""


def test_a_socket_in_sight_is_covered(open_local: OpenLocal, tree: Path) -> None:
    shown = Path(tempfile.mkdtemp(prefix="nc"))
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(shown / "agent"))
            server.listen()
            sandbox = open_local(root=Root(tree, tree, readonly=(*TOOLS, shown)))
            code = f"import socket; socket.socket(socket.AF_UNIX).connect({str(shown / 'agent')!r})"
            completed = python(sandbox, code)
        assert b"Error" in completed.stderr
        assert not completed.ok
    finally:
        shutil.rmtree(shown)


def test_a_shadow_that_is_gone_is_an_error_that_says_so(open_local: OpenLocal, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "shadow").mkdir()
    sandbox = open_local(root=Root(tmp_path / "shadow", tree))
    (tmp_path / "shadow").rmdir()
    with pytest.raises(SandboxError, match="could not set the sandbox up"):
        shell(sandbox, "true")


@pytest.fixture
def namespace(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Yield a process with a mount namespace of its own, and a directory that has files in that namespace only."""
    (tmp_path / "behind").mkdir()
    (tmp_path / "mnt").mkdir()
    (tmp_path / "behind" / "inner").write_text("inner\n")
    script = 'mount --bind "$1/behind" "$1/mnt" && echo ready && exec cat'
    ways = [["unshare", "-m"], ["unshare", "-U", "-r", "-m"]]
    process = subprocess.Popen(
        [*ways[os.getuid() != 0], "sh", "-c", script, "sh", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid, tmp_path / "mnt"
        process.kill()


def test_a_tree_in_the_mount_namespace_of_another_process_is_shown(
    open_local: OpenLocal, namespace: tuple[int, Path], tree: Path
) -> None:
    sandbox = open_local(root=Root(namespace[1], tree, namespace[0], readonly=TOOLS))
    assert list(namespace[1].iterdir()) == []
    assert shell(sandbox, "cat inner; touch made").stdout == b"inner\n"
    code = "import os; print(os.stat('made').st_uid == os.getuid() != 0, open('/proc/self/status').read())"
    said = python(sandbox, code, Limits(file_bytes=1 << 20)).stdout.decode()
    assert said.startswith("True")
    assert "CapEff:\t0000000000000000" in said
    assert (namespace[1].parent / "behind" / "made").stat().st_uid == os.getuid()


def test_a_user_namespace_of_its_own_is_entered_with_the_mounts(
    open_local: OpenLocal, tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "behind").mkdir()
    script = 'mount --bind "$1" "$2" && echo ready && exec cat'
    words = ["unshare", "-U", "-r", "-m", "sh", "-c", script, "sh", str(tree), str(tmp_path / "behind")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        sandbox = open_local(root=Root(tmp_path / "behind", tree, process.pid))
        assert shell(sandbox, "cat file").stdout == b"content\n"
        assert not shell(sandbox, "unshare -Ur true").ok
        assert shell(sandbox, "sleep 60", Limits(wall_s=0.2)).ended is Ended.TIMED_OUT
        process.kill()


def test_a_namespace_of_a_dead_process_is_an_error(open_local: OpenLocal, tree: Path) -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    with pytest.raises(SandboxError, match="cannot be entered"):
        open_local(root=Root(tree, tree, process.pid))


OWNER = """
import sys
import tempfile
from pathlib import Path
from sandbox import Command, LocalDriver, Root
tree = Path(sys.argv[1])
sandbox = LocalDriver(tree.parent / "scratch").open(Root(tree, tree))
process = sandbox.start(Command(("sh", "-c", "setsid sleep 300.%s & sleep 300.%s & echo ready > ready; wait" % (sys.argv[2], sys.argv[2]))))
print("started", flush=True)
process.wait()
"""


def test_a_killed_owner_takes_its_commands_along_and_the_sweep_takes_the_rest(tree: Path) -> None:
    number = str(os.getpid())
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tree), number], cwd=ROOT, stdout=subprocess.PIPE)
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"started\n"
        sleepers = alive_with(f"300.{number}")
        while not (tree / "ready").exists() or len(sleepers := alive_with(f"300.{number}")) < 2:
            assert owner.poll() is None
        left = [path.name for path in (tree.parent / "scratch").iterdir()]
        assert sweep(tree.parent / "scratch") == []
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        assert psutil.wait_procs(sleepers, timeout=10)[1] == []
    assert sweep(tree.parent / "scratch") == left
    assert list((tree.parent / "scratch").iterdir()) == []


def test_an_owner_killed_while_a_sandbox_is_set_up_leaves_nothing_that_runs(tree: Path) -> None:
    # bubblewrap ties its child to itself only after the set-up; the command must not start untied.
    number = str(os.getpid())
    code = (
        OWNER.replace("300.", "320.").replace("process = sandbox.start(", "sandbox.run(").replace("process.wait()", "")
    )
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", code, str(tree), number], cwd=ROOT, stdout=-3) as owner:
            while not (children := psutil.Process(owner.pid).children()):
                assert owner.poll() is None
            owner.kill()
            psutil.wait_procs(children, timeout=1)
    sweep(tree.parent / "scratch")
    assert psutil.wait_procs(alive_with(f"320.{number}"), timeout=5)[1] == []


def test_the_sweep_leaves_alone_what_others_own(tmp_path: Path) -> None:
    started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    mine = tmp_path / f"sandbox-{owner()}-mine"
    elsewhere = tmp_path / "sandbox-1-1-m00000000-left"
    before = tmp_path / f"sandbox-{owner().replace(started, '1')}-before"
    for path in (mine, before, elsewhere, tmp_path / "sandbox-odd", tmp_path / "other"):
        path.mkdir()
    assert sweep(tmp_path) == sorted([before.name, "sandbox-odd"])
    assert sorted(tmp_path.iterdir()) == [tmp_path / "other", elsewhere, mine]
    assert sweep(tmp_path / "missing") == []


def test_the_sweep_ends_what_was_started_for_a_dead_owner(tmp_path: Path) -> None:
    dead = tmp_path / "sandbox-dead"
    dead.mkdir()
    with subprocess.Popen(["sleep", "600"], env={"NIGHTCREW_SCRATCH": str(dead)}) as stray:
        assert sweep(tmp_path) == ["sandbox-dead"]
        assert stray.wait(10) == -signal.SIGKILL


def test_an_interrupted_run_leaves_no_process(tree: Path) -> None:
    number = f"310.{os.getpid()}"
    code = (
        OWNER.replace("process = sandbox.start(", "sandbox.run(").replace("300.", "310.").replace("process.wait()", "")
    )
    code = code.replace('print("started", flush=True)', "")
    with subprocess.Popen([sys.executable, "-c", code, str(tree), str(os.getpid())], cwd=ROOT, stderr=-3) as owner:
        while not (tree / "ready").exists() or len(alive_with(number)) < 2:
            assert owner.poll() is None
        owner.send_signal(signal.SIGINT)
        assert owner.wait() != 0
        assert alive_with(number) == []


def test_the_probe_really_runs_it(tmp_path: Path) -> None:
    assert LocalDriver(tmp_path).probe().works
    assert list(tmp_path.iterdir()) == []
