"""Escapes by processes, sockets, network and environment: each attack with its negative control."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import Command, Completed, LocalDriver, Root
from tests.e2e.arena import TOOLS, Attacker, Bare, Guarded, bare, guarded, needs_local

pytestmark = needs_local
__all__ = ["bare", "guarded"]


def python(attacker: Attacker, code: str, **more: str) -> Completed:
    return attacker.run('exec "$PYTHON" -I -c "$CODE"', None, CODE=code, **more)


@contextmanager
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process of the user's that an attacker could be after."""
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            yield process
        finally:
            process.kill()


def test_proc_1_no_process_of_the_host_is_seen_through_proc(bare: Bare, guarded: Guarded) -> None:
    with bystander() as other:
        script = "cat /proc/$OTHER/root$VICTIM/secret /proc/1/root$VICTIM/secret"
        assert b"a secret\n" in bare.run(script, OTHER=str(other.pid)).stdout
        assert guarded.run(script, OTHER=str(other.pid)).stdout == b""
        listed = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
        assert b"sleep 600" in bare.run(listed).stdout
        assert b"sleep 600" not in guarded.run(listed).stdout


def test_proc_2_no_process_of_the_host_can_be_killed(bare: Bare, guarded: Guarded) -> None:
    with bystander() as other:
        guarded.run("kill -9 $OTHER; kill -9 -1", OTHER=str(other.pid))
        assert other.poll() is None
        bare.run("kill -9 $OTHER", OTHER=str(other.pid))
        assert other.wait(10) == -9


def test_proc_2_no_process_of_the_host_can_be_traced(bare: Bare, guarded: Guarded) -> None:
    attach = "import ctypes, os; print(ctypes.CDLL(None).ptrace(16, int(os.environ['OTHER']), 0, 0))"
    with bystander() as other:
        assert python(bare, attach, OTHER=str(other.pid)).stdout == b"0\n"
        assert python(guarded, attach, OTHER=str(other.pid)).stdout == b"-1\n"


OPEN = """
import os, sys
for path in os.environ["PATHS"].split():
    try: os.close(os.open(path, os.O_WRONLY)); print(path)
    except OSError: pass
"""


def test_proc_3_the_kernels_settings_are_out_of_reach(bare: Bare, guarded: Guarded) -> None:
    # Opened, never written: what the control opens is the machine's.
    with bystander() as other:
        paths = [f"/proc/{other.pid}/oom_score_adj"]
        if os.getuid() == 0:
            paths += ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches"]
        assert python(bare, OPEN, PATHS=" ".join(paths)).stdout.decode().split() == paths
        assert python(guarded, OPEN, PATHS=" ".join(paths)).stdout == b""
    rest = [str(path) for name in ("sys", "fs", "irq", "bus") for path in Path("/proc", name).rglob("*")]
    code = "import os; os.environ['PATHS'] = open('paths').read()\n" + OPEN
    guarded.shadow.write("paths", "\n".join(path for path in rest if " " not in path).encode())
    assert python(guarded, code).stdout == b""


def test_proc_5_no_namespace_can_be_made_and_nothing_mounted(bare: Bare, guarded: Guarded) -> None:
    script = "unshare -U -r true && echo user; unshare -U -r -m sh -c 'mount -t tmpfs none /mnt && echo mount'"
    assert bare.run(script).stdout == b"user\nmount\n"
    assert guarded.run(script).stdout == b""
    # The escape of FACTS: without what this sandbox adds, bubblewrap leaves root the power to remount.
    assert not guarded.run("mount -o remount,rw,bind /usr").ok
    assert not guarded.run("chroot / true").ok


CALLS = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
numbers = {"x86_64": (250, 321, 298, 323, 425, 435), "aarch64": (219, 280, 241, 282, 425, 435)}[os.uname().machine]
for name, number in zip(("keyctl", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "clone3"), numbers):
    ctypes.set_errno(0)
    libc.syscall(number, 0, -1, 0, 0, 0)
    print(name, errno.errorcode.get(ctypes.get_errno(), "done"))
"""


def test_proc_6_calls_that_exploits_start_from_are_refused(bare: Bare, guarded: Guarded) -> None:
    here = dict(line.split() for line in python(bare, CALLS).stdout.decode().splitlines())
    assert here["keyctl"] not in ("EPERM", "ENOSYS")
    assert here["clone3"] not in ("EPERM", "ENOSYS")
    inside = dict(line.split() for line in python(guarded, CALLS).stdout.decode().splitlines())
    refused = dict.fromkeys(("keyctl", "bpf", "perf_event_open", "userfaultfd"), "EPERM")
    assert inside == refused | {"io_uring_setup": "ENOSYS", "clone3": "ENOSYS"}


def test_proc_7_no_capability_no_new_privilege_and_a_filter(bare: Bare, guarded: Guarded) -> None:
    script = "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; id -u"
    said = guarded.run(script).stdout.decode().split()
    values = dict(zip(said[:-1:2], said[1::2], strict=False))
    capabilities = {name: value for name, value in values.items() if name.startswith("Cap")}
    assert set(capabilities.values()) == {"0" * 16}
    assert (values["NoNewPrivs:"], values["Seccomp:"]) == ("1", "2")
    assert said[-1] != "0"
    assert "NoNewPrivs: 0" in " ".join(bare.run(script).stdout.decode().split())


CONNECT = """
import os, socket
address = os.environ["ADDRESS"]
with socket.socket(socket.AF_UNIX) as client:
    client.settimeout(5)
    client.connect("\\0" + address[1:] if address.startswith("@") else address)
    print(client.recv(10).decode())
"""


@contextmanager
def listening(address: str) -> Iterator[None]:
    """Answer every connection to a Unix socket of the host with `inside`."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0" + address[1:] if address.startswith("@") else address)
        server.listen()
        server.settimeout(0)
        pid = os.fork()
        if pid == 0:
            server.settimeout(None)
            while True:
                client, _ = server.accept()
                client.sendall(b"inside")
                client.close()
        try:
            yield
        finally:
            os.kill(pid, 9)
            os.waitpid(pid, 0)


def test_sock_1_a_socket_on_the_disk_cannot_be_connected_to(bare: Bare, guarded: Guarded) -> None:
    for attacker, expected in ((bare, b"inside\n"), (guarded, b"")):
        address = f"{attacker.place.base}/agent.sock"
        with listening(address):
            assert python(attacker, CONNECT, ADDRESS=address).stdout == expected


def test_sock_2_an_abstract_socket_of_the_host_does_not_exist(bare: Bare, guarded: Guarded) -> None:
    address = f"@nightcrew-test-{os.getpid()}"
    with listening(address):
        assert python(bare, CONNECT, ADDRESS=address).stdout == b"inside\n"
        assert python(guarded, CONNECT, ADDRESS=address).stdout == b""


REACH = """
import os, socket
for family, kind, host, port in eval(os.environ["TARGETS"]):
    try:
        with socket.socket(family, kind) as client:
            client.settimeout(2)
            client.connect((host, port))
            client.send(b"x")
    except OSError as error: pass
print(socket.if_nameindex() == [(1, "lo")])
"""


def test_net_1_no_service_of_the_host_is_reached(bare: Bare, guarded: Guarded) -> None:
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(0)
        targets = [(2, 1, *tcp.getsockname()), (2, 2, *udp.getsockname())]
        python(bare, REACH, TARGETS=repr(targets))
        with tcp.accept()[0] as client:
            assert client.recv(1) == b"x"
        assert udp.recv(1) == b"x"
        more = [*targets, (10, 1, "::1", tcp.getsockname()[1]), (2, 1, "169.254.169.254", 80)]
        assert python(guarded, REACH, TARGETS=repr(more)).stdout == b"True\n"
        tcp.settimeout(0)
        with pytest.raises(BlockingIOError):
            tcp.accept()
        with pytest.raises(BlockingIOError):
            udp.recv(1)


def test_net_1_no_name_is_resolved_and_no_odd_family_exists(guarded: Guarded) -> None:
    code = """
import socket
try: print(socket.getaddrinfo("example.org", 80))
except OSError: pass
for family, kind in ((40, 1), (38, 5), (17, 3), (2, 3)):
    try: socket.socket(family, kind); print("socket", family)
    except OSError: pass
"""
    assert python(guarded, code).stdout == b""


def test_env_1_no_variable_of_the_host_is_seen(bare: Bare, guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "SSH_AUTH_SOCK"):
        monkeypatch.setenv(name, "a-secret-value")
    script = "cat /proc/*/environ | tr '\\0' '\\n'; env"
    assert b"a-secret-value" in bare.run(script).stdout
    assert b"a-secret-value" not in guarded.run(script).stdout


def test_env_2_the_search_path_has_no_directory_of_the_tree(guarded: Guarded) -> None:
    # A program planted in the tree is found neither by bare name inside nor by the tools that start the sandbox.
    guarded.run(
        "for name in git sh env prlimit bwrap; do printf '#!/bin/sh\\ntouch pwned\\n' > $name; chmod +x $name; done"
    )
    assert guarded.run("git --version").stdout.startswith(b"git version")
    assert "pwned" not in set(guarded.shadow.paths())


def test_env_3_loaders_and_interpreters_are_not_told_what_to_load(
    bare: Bare, guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PYTHONSTARTUP", "PYTHONPATH", "BASH_ENV", "LD_LIBRARY_PATH", "PERL5LIB", "NODE_OPTIONS"):
        monkeypatch.setenv(name, "planted")
    assert b"planted" in bare.run("env").stdout
    assert b"planted" not in guarded.run("env").stdout


def test_env_3_a_commands_own_loader_variables_act_inside_only(guarded: Guarded) -> None:
    # bubblewrap and what is before it run on the host: a library of the attacker's must not be loaded into them.
    planted = Command(("true",), environment={"LD_PRELOAD": "/tmp/evil.so", "PATH": "/tmp", "ENV": "/tmp/evil"})
    completed = guarded.sandbox.run(planted)
    assert b"bwrap" not in completed.stderr
    assert b"nsenter" not in completed.stderr


REFUSE = """
from pathlib import Path
from sandbox import Command, LocalDriver, Root, SandboxError
driver = LocalDriver(Path("/tmp/scratch"))
print(driver.probe().works)
try:
    with driver.open(Root(Path("/tmp"), Path("/tmp/tree"))) as sandbox: print(sandbox.run(Command(("echo", "ran"))))
except SandboxError as error: print(type(error).__name__)
"""


def test_meta_1_where_no_sandbox_can_be_made_nothing_runs(tmp_path: Path) -> None:
    # A sandbox is such a place: namespaces cannot be made in it.
    source = Path(__file__).parent.parent.parent
    packages = [Path(entry) for entry in sys.path if entry.endswith("site-packages")]
    root = Root(source, source, readonly=(*TOOLS, *packages))
    code = f"import sys; sys.path[:0] = {[str(source), *map(str, packages)]}\n{REFUSE}"
    with LocalDriver(tmp_path / "scratch").open(root) as sandbox:
        completed = sandbox.run(Command((sys.executable, "-I", "-c", code)))
    assert completed.stdout.decode().split() == ["False", "SandboxUnavailable"], completed.stderr
    bare = subprocess.run(
        [sys.executable, "-c", REFUSE.replace("/tmp", str(tmp_path))], cwd=source, capture_output=True
    )
    assert bare.stdout.startswith(b"True\nCompleted"), bare.stderr
