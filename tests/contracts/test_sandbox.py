"""What every sandbox keeps, whoever made it: real namespaces, plain processes, or a script."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import (
    Command,
    Completed,
    DockerDriver,
    Ended,
    Limits,
    LocalDriver,
    NoneDriver,
    Policy,
    Root,
    Sandbox,
    SandboxClosed,
    SandboxDriver,
    ScriptedDriver,
    Usage,
    toolchain_paths,
)
from tests.sandbox.dockerimage import IMAGES_PYTHON, docker_driver, remote_driver

ECHO = """
import os, socket
with socket.socket(fileno=int(os.environ["NIGHTCREW_CHANNEL"])) as channel:
    while data := channel.recv(100):
        channel.sendall(data.upper())
"""


def python(sandbox: Sandbox) -> str:
    """Return an interpreter that is there inside: an image has its own."""
    return IMAGES_PYTHON if sandbox.driver == "docker" else sys.executable


def talk(sandbox: Sandbox) -> Command:
    return Command((python(sandbox), "-I", "-c", ECHO))


def answer(command: Command) -> Completed:
    """Play the few programs that the tests here run."""
    usage = Usage(0.01, 0.01, 1 << 20, 1)
    match command.argv:
        case ("true",):
            return Completed(Ended.EXITED, 0, usage=usage)
        case ("echo", word):
            return Completed(Ended.EXITED, 0, word.encode() + b"\n", usage=usage)
        case ("cat", "missing"):
            return Completed(Ended.EXITED, 1, b"", b"cat: missing: No such file or directory\n", usage=usage)
        case ("cat",):
            return Completed(Ended.EXITED, 0, command.stdin, usage=usage)
        case _:
            return Completed(Ended.NOT_STARTED, None, why=f"{command.argv[0]}: not found")


def echo(_: Command, channel: socket.socket) -> Completed:
    while data := channel.recv(100):
        channel.sendall(data.upper())
    return Completed(Ended.EXITED, 0)


@contextmanager
def the_driver(name: str, scratch: Path) -> Iterator[SandboxDriver]:
    if name == "docker":
        yield docker_driver(scratch)
        return
    if name == "remote":
        with remote_driver(scratch, scratch.parent) as remote:
            yield remote
        return
    drivers: dict[str, SandboxDriver] = {
        "local": LocalDriver(scratch),
        "none": NoneDriver(scratch),
        "scripted": ScriptedDriver(answer, echo),
    }
    readiness = drivers[name].probe()
    if not readiness.works:
        pytest.skip(readiness.why)
    yield drivers[name]


@pytest.fixture(params=["local", "docker", "remote", "none", "scripted"])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SandboxDriver]:
    with the_driver(request.param, tmp_path / "scratch") as made:
        yield made


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Yield a sandbox at an engine out of sight, for one test after the other: to open each its own takes too long."""
    base = tmp_path_factory.mktemp("far")
    (base / "tree").mkdir()
    with the_driver("remote", base / "scratch") as driver, driver.open(Root(base / "tree", base / "tree")) as opened:
        yield opened


@pytest.fixture
def tree(request: pytest.FixtureRequest, driver: SandboxDriver, tmp_path: Path) -> Path:
    """Return the tree that `sandbox` sees, empty."""
    if not is_far(driver):
        (tmp_path / "tree").mkdir()
        return tmp_path / "tree"
    root: Path = request.getfixturevalue("far").root
    for path in root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return root


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, driver: SandboxDriver, tree: Path) -> Iterator[Sandbox]:
    """Yield a sandbox, which at an engine out of sight may have served other tests."""
    if is_far(driver):
        yield request.getfixturevalue("far")
    else:
        with opened(driver, tree) as made:
            yield made


@pytest.fixture
def new_sandbox(driver: SandboxDriver, tmp_path: Path) -> Iterator[Sandbox]:
    """Yield a sandbox that is this test's alone."""
    (tmp_path / "alone").mkdir()
    with opened(driver, tmp_path / "alone") as made:
        yield made


def is_far(driver: SandboxDriver) -> bool:
    return isinstance(driver, DockerDriver) and driver.remote


def opened(driver: SandboxDriver, tree: Path) -> Sandbox:
    # An image has tools of its own.
    tools = () if driver.name == "docker" else toolchain_paths(Path(sys.executable), Path.home(), {}).readonly
    return driver.open(Root(tree, tree, readonly=tools), Policy())


def test_a_sandbox_names_its_driver_and_where_the_tree_is(sandbox: Sandbox, driver: SandboxDriver) -> None:
    assert sandbox.driver == driver.name
    assert sandbox.root.name == "tree"


def test_a_command_returns_its_status_and_output(sandbox: Sandbox) -> None:
    completed = sandbox.run(Command(("echo", "word")))
    assert completed.ok
    assert (completed.ended, completed.exit_status, completed.stdout) == (Ended.EXITED, 0, b"word\n")


def test_a_command_that_fails_is_a_value(sandbox: Sandbox) -> None:
    completed = sandbox.run(Command(("cat", "missing")))
    assert not completed.ok
    assert (completed.ended, completed.exit_status) == (Ended.EXITED, 1)
    assert b"missing" in completed.stderr


def test_a_program_that_does_not_exist_is_not_started(sandbox: Sandbox) -> None:
    completed = sandbox.run(Command(("no-such-program",)))
    assert (completed.ended, completed.exit_status) == (Ended.NOT_STARTED, None)
    assert "no-such-program" in completed.why


def test_a_command_reads_its_standard_input_to_the_end(sandbox: Sandbox) -> None:
    data = bytes(range(256)) * 1000
    assert sandbox.run(Command(("cat",), stdin=data)).stdout == data


def test_a_started_command_talks_over_its_channel_and_ends_with_it(sandbox: Sandbox) -> None:
    with sandbox.start(talk(sandbox)) as process:
        process.channel.sendall(b"hello")
        assert process.channel.recv(100) == b"HELLO"
        process.channel.shutdown(socket.SHUT_WR)
        completed = process.wait(30)
    assert completed is not None
    assert completed.ok


def test_waiting_gives_up_when_its_time_has_passed(sandbox: Sandbox) -> None:
    with sandbox.start(talk(sandbox)) as process:
        assert process.wait(0.01) is None


def test_a_stopped_command_says_so_and_stays_stopped(sandbox: Sandbox) -> None:
    with sandbox.start(talk(sandbox)) as process:
        assert process.stop().ended is Ended.STOPPED
        assert process.stop().ended is Ended.STOPPED
        assert process.wait(0) == process.stop()


def test_leaving_a_running_command_stops_it(sandbox: Sandbox) -> None:
    with sandbox.start(talk(sandbox)) as process:
        process.channel.sendall(b"x")
    completed = process.wait(0)
    assert completed is not None
    assert completed.ended is Ended.STOPPED


def test_closing_the_sandbox_stops_what_runs(new_sandbox: Sandbox) -> None:
    process = new_sandbox.start(talk(new_sandbox))
    new_sandbox.close()
    completed = process.wait(0)
    assert completed is not None
    assert completed.ended is Ended.STOPPED


def test_what_was_used_adds_up(new_sandbox: Sandbox) -> None:
    assert new_sandbox.used() == Usage()
    first = new_sandbox.run(Command(("true",))).usage
    second = new_sandbox.run(Command(("true",))).usage
    used = new_sandbox.used()
    assert used.wall_s == pytest.approx(first.wall_s + second.wall_s)
    assert used.cpu_s == pytest.approx(first.cpu_s + second.cpu_s)
    assert used.peak_processes >= 1


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/passwd", "nul\0"])
def test_a_file_with_a_path_for_a_name_is_refused(sandbox: Sandbox, name: str) -> None:
    with pytest.raises(ValueError, match="plain file name"):
        sandbox.put(name, b"")


def test_a_file_that_was_put_has_an_absolute_path_that_ends_in_its_name(sandbox: Sandbox) -> None:
    path = sandbox.put("tool.py", b"")
    assert Path(path).is_absolute()
    assert Path(path).name == "tool.py"


def test_an_ended_sandbox_refuses(new_sandbox: Sandbox) -> None:
    new_sandbox.close()
    new_sandbox.close()
    with pytest.raises(SandboxClosed):
        new_sandbox.run(Command(("true",)))
    with pytest.raises(SandboxClosed):
        new_sandbox.start(talk(new_sandbox))
    with pytest.raises(SandboxClosed):
        new_sandbox.put("name", b"")


class TestRealProcesses:
    """What only sandboxes that run something can show."""

    @pytest.fixture(params=["local", "docker", "remote", "none"])
    def driver(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SandboxDriver]:
        with the_driver(request.param, tmp_path / "scratch") as made:
            yield made

    def test_commands_run_in_the_tree_and_change_it(self, sandbox: Sandbox, tree: Path) -> None:
        assert sandbox.run(Command(("mkdir", "inner"))).ok
        assert sandbox.run(Command(("touch", "new"), cwd="inner")).ok
        assert sandbox.run(Command(("touch", "top"), cwd=str(tree))).ok
        assert (tree / "inner" / "new").exists()
        assert (tree / "top").exists()

    def test_a_directory_that_does_not_exist_starts_nothing(self, sandbox: Sandbox) -> None:
        completed = sandbox.run(Command(("true",), cwd="missing"))
        assert completed.ended is Ended.NOT_STARTED
        assert "missing" in completed.why

    def test_a_file_that_cannot_be_executed_is_not_started(self, sandbox: Sandbox, tree: Path) -> None:
        (tree / "plain").write_text("text")
        assert sandbox.run(Command((str(tree / "plain"),))).ended is Ended.NOT_STARTED

    def test_the_status_127_of_a_shell_is_a_status(self, sandbox: Sandbox) -> None:
        completed = sandbox.run(Command(("sh", "-c", "no-such-program-here")))
        assert (completed.ended, completed.exit_status) == (Ended.EXITED, 127)

    def test_a_signal_is_told_apart(self, sandbox: Sandbox) -> None:
        completed = sandbox.run(Command(("sh", "-c", "kill -SEGV $$")))
        assert (completed.ended, completed.exit_status) == (Ended.SIGNALLED, None)
        assert "SIGSEGV" in completed.why
        assert completed.stderr == b""

    def test_time_ends_a_command_and_all_it_started(self, sandbox: Sandbox) -> None:
        script = "trap '' TERM; setsid sh -c 'trap \"\" TERM HUP; sleep 300' & sleep 300"
        completed = sandbox.run(Command(("sh", "-c", script)), Limits(wall_s=0.3))
        assert completed.ended is Ended.TIMED_OUT
        assert completed.usage.wall_s < 10

    def test_the_middle_of_long_output_is_dropped_and_counted(self, sandbox: Sandbox) -> None:
        script = "echo first; head -c 3000000 /dev/zero; echo last"
        completed = sandbox.run(Command(("sh", "-c", script)), Limits(output_bytes=1000))
        assert len(completed.stdout) == 1000
        assert completed.stdout.startswith(b"first\n")
        assert completed.stdout.endswith(b"last\n")
        assert completed.dropped_bytes == len("first\nlast\n") + 3000000 - 1000

    def test_cpu_time_is_measured_and_limited(self, sandbox: Sandbox) -> None:
        spin = Command(("sh", "-c", "(while :; do :; done) & while :; do :; done"))
        completed = sandbox.run(spin, Limits(cpu_s=0.5, wall_s=60))
        assert completed.ended is Ended.TIMED_OUT
        assert "CPU" in completed.why
        assert 0.5 <= completed.usage.cpu_s < 5

    def test_short_commands_are_charged_for_their_cpu(self, sandbox: Sandbox) -> None:
        code = "from time import process_time as now\nbegan = now()\nwhile now() < began + 0.2: pass"
        completed = sandbox.run(Command((python(sandbox), "-I", "-c", code)))
        assert completed.usage.cpu_s >= 0.2

    def test_memory_of_all_processes_together_is_limited(self, sandbox: Sandbox) -> None:
        code = (
            "import subprocess, sys, time\n"
            "if len(sys.argv) == 1: subprocess.Popen([sys.executable, '-I', '-c', sys.orig_argv[3], 'child'])\n"
            "held = b'x' * (60 << 20); time.sleep(60)"
        )
        limits = Limits(memory_bytes=100 << 20, wall_s=60)
        completed = sandbox.run(Command((python(sandbox), "-I", "-c", code)), limits)
        assert completed.ended is Ended.OUT_OF_MEMORY
        assert completed.usage.peak_bytes > 100 << 20

    def test_addresses_that_are_reserved_and_not_used_are_no_memory(self, sandbox: Sandbox) -> None:
        code = (
            "import mmap, time\n"
            "reserved = mmap.mmap(-1, 1 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
            "print('reserved', flush=True); held = b'x' * (120 << 20); time.sleep(60)"
        )
        limits = Limits(memory_bytes=100 << 20, address_bytes=4 << 30, wall_s=60)
        completed = sandbox.run(Command((python(sandbox), "-I", "-c", code)), limits)
        assert (completed.ended, completed.stdout) == (Ended.OUT_OF_MEMORY, b"reserved\n")

    def test_the_number_of_processes_is_limited(self, sandbox: Sandbox) -> None:
        script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 60 & done; wait"
        completed = sandbox.run(Command(("sh", "-c", script)), Limits(processes=8, wall_s=60))
        assert completed.ended is Ended.TOO_MANY_PROCESSES
        assert completed.usage.peak_processes > 8

    @pytest.mark.parametrize("fill", ["yes > $TMPDIR/big", "i=0; while :; do i=$((i+1)); : > $TMPDIR/file$i; done"])
    def test_the_private_tmp_cannot_grow_for_ever(self, sandbox: Sandbox, fill: str) -> None:
        completed = sandbox.run(Command(("sh", "-c", fill)), Limits(tmp_bytes=8 << 20, wall_s=60))
        assert completed.ended is Ended.OUT_OF_SPACE

    def test_a_file_cannot_grow_over_its_limit(self, sandbox: Sandbox) -> None:
        completed = sandbox.run(Command(("sh", "-c", "exec yes > big")), Limits(file_bytes=1 << 20))
        assert completed.ended is Ended.SIGNALLED
        assert "SIGXFSZ" in completed.why
        assert (sandbox.root / "big").stat().st_size == 1 << 20

    def test_a_file_that_was_put_is_read_by_commands_and_replaced_by_the_next(self, sandbox: Sandbox) -> None:
        path = sandbox.put("note", b"one")
        assert sandbox.run(Command(("cat", path))).stdout == b"one"
        assert sandbox.put("note", b"two") == path
        assert sandbox.run(Command(("cat", path))).stdout == b"two"

    def test_tmp_is_kept_between_commands(self, sandbox: Sandbox) -> None:
        assert sandbox.run(Command(("sh", "-c", "echo kept > $TMPDIR/note"))).ok
        assert sandbox.run(Command(("sh", "-c", "cat $TMPDIR/note"))).stdout == b"kept\n"

    def test_variables_are_the_clean_set_and_what_is_given(self, driver: SandboxDriver, tmp_path: Path) -> None:
        policy = Policy(environment={"OF_POLICY": "1", "BOTH": "policy"})
        (tmp_path / "other").mkdir()
        with driver.open(Root(tmp_path / "other", tmp_path / "other"), policy) as sandbox:
            command = Command(("env", "-0"), environment={"BOTH": "command", "ODD": "a b\n$c"})
            lines = sandbox.run(command).stdout.decode().split("\0")
        variables = dict(line.partition("=")[::2] for line in lines if line)
        assert variables["OF_POLICY"] == "1"
        assert variables["BOTH"] == "command"
        assert variables["ODD"] == "a b\n$c"
        assert variables["LANG"] == "C.UTF-8"
        assert "PYTEST_CURRENT_TEST" not in variables

    def test_many_commands_run_at_once(self, sandbox: Sandbox) -> None:
        processes = [sandbox.start(replace(talk(sandbox), cwd=".")) for _ in range(4)]
        for number, process in enumerate(processes):
            process.channel.sendall(b"%d" % number)
        assert [process.channel.recv(10) for process in processes] == [b"0", b"1", b"2", b"3"]
        for process in processes:
            process.__exit__()

    def test_nothing_of_a_closed_sandbox_stays_on_the_disk(self, new_sandbox: Sandbox, tmp_path: Path) -> None:
        script = "mkdir -p $TMPDIR/a/b && touch $TMPDIR/a/b/c && chmod 0 $TMPDIR/a/b $TMPDIR/a"
        deep = "import os; os.chdir(os.environ['TMPDIR']); [(os.mkdir('d'), os.chdir('d')) for _ in range(1200)]"
        assert new_sandbox.run(Command((python(new_sandbox), "-I", "-c", deep))).ok
        assert new_sandbox.run(Command(("sh", "-c", script))).ok
        new_sandbox.close()
        assert list((tmp_path / "scratch").iterdir()) == []
