"""Escapes by processes, sockets and network: each attack with its negative control."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import Completed
from tests.e2e.arena import Attacker, Bare, Guarded, bare, needs_local, opened, remotely
from tests.e2e.arena import contained as guarded

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


OVERWRITE = """
import os, subprocess
held = []
with subprocess.Popen([os.environ["PROGRAM"], "600"]) as child:
    for pid in [entry for entry in os.listdir("/proc") if entry.isdigit()] if os.environ["ALL"] else [child.pid]:
        try: held.append((os.readlink(f"/proc/{pid}/exe"), os.open(f"/proc/{pid}/exe", os.O_PATH)))
        except OSError: pass
    child.kill()
# What ran can be opened for writing once it has ended; what still runs is only busy then.
for path, fd in held:
    try: writing = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY)
    except OSError: print(path, "read-only" if os.fstatvfs(fd).f_flag & os.ST_RDONLY else "closed")
    else: print(path, "open"); path == os.environ["PROGRAM"] and os.write(writing, b"#!/bin/sh")
"""


def test_proc_4_a_program_that_the_sandbox_lends_is_not_overwritten(bare: Bare, guarded: Guarded) -> None:
    def program(attacker: Attacker) -> Path:
        return attacker.place.victim / "bin" / "program"

    # As CVE-2019-5736 did to runc. Only the throw-away program is ever written to; others are opened, if that goes.
    for attacker in (bare, guarded):
        program(attacker).parent.mkdir()
        shutil.copy2("/bin/sleep", program(attacker))
    whole = program(guarded).read_bytes()
    said = python(bare, OVERWRITE, PROGRAM=str(program(bare)), ALL="")
    assert said.stdout.decode() == f"{program(bare)} open\n"
    assert program(bare).read_bytes() != whole
    with opened(guarded.place, guarded.shadow, program(guarded).parent) as sandbox:
        attacker = Guarded(guarded.place, guarded.snapshot, guarded.shadow, sandbox)
        lines = python(attacker, OVERWRITE, PROGRAM=str(program(guarded)), ALL="all").stdout.decode().splitlines()
    assert program(guarded).read_bytes() == whole
    # The program, the interpreter, the shells and whatever of bubblewrap's can be seen (of a container's process 1 nothing):
    # each on a read-only mount.
    assert f"{program(guarded)} read-only" in lines
    assert len(lines) >= (3 if guarded.place.kind == "local" else 2)
    assert {line.rpartition(" ")[2] for line in lines} == {"read-only"}


CHROOT = """
import ctypes, os
try: os.chroot(os.environ["VICTIM"])
except PermissionError:
    # As root of a user namespace of one's own, then.
    if ctypes.CDLL(None).unshare(0x10000000) != 0: raise
    os.chroot(os.environ["VICTIM"])
print(os.listdir("/"))
"""


def test_proc_5_no_namespace_can_be_made_and_nothing_mounted(bare: Bare, guarded: Guarded) -> None:
    script = "unshare -U -r true && echo user; unshare -U -r -m sh -c 'mount -t tmpfs none /mnt && echo mount'"
    assert bare.run(script).stdout == b"user\nmount\n"
    assert guarded.run(script).stdout == b""


def test_proc_5_the_root_directory_cannot_be_changed(bare: Bare, guarded: Guarded) -> None:
    assert python(bare, CHROOT).stdout == b"['secret']\n"
    inside = python(guarded, CHROOT.replace('os.environ["VICTIM"]', '"/tmp"'))
    assert b"PermissionError" in inside.stderr
    assert inside.stdout == b""


def test_proc_5_what_is_read_only_cannot_be_remounted(bare: Bare, guarded: Guarded) -> None:
    # Without what this sandbox adds, bubblewrap leaves root the power to do so.
    if os.getuid() == 0:
        plain = "exec bwrap --unshare-all --ro-bind / / --dev /dev --proc /proc --ro-bind $VICTIM $VICTIM sh -c"
        assert not bare.run(f"{plain} 'echo x > $VICTIM/made'").ok
        assert bare.run(f"{plain} 'mount -o remount,rw,bind $VICTIM && echo x > $VICTIM/made'").ok
        assert (bare.place.victim / "made").exists()
    for path in ("/usr", "/etc", "/proc/sys", "/"):
        assert not guarded.run(f"mount -o remount,rw,bind {path}").ok


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


@remotely
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


ASK = """
import os, socket, struct
question = struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + b"\\6secret\\7example\\0" + struct.pack("!2H", 16, 1)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    client.settimeout(2)
    try:
        client.sendto(question, ("127.0.0.1", int(os.environ["PORT"])))
        print(client.recv(512)[:2] == question[:2])
    except OSError: pass
"""
RESOLVE = 'import socket\ntry: print(socket.getaddrinfo("localhost.localdomain.example", 80))\nexcept OSError: pass'


def test_net_1_no_name_server_is_asked(bare: Bare, guarded: Guarded) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        port = str(server.getsockname()[1])
        asking = bare.start('exec "$PYTHON" -I -c "$CODE"', CODE=ASK, PORT=port)
        question, client = server.recvfrom(512)
        assert b"secret" in question
        server.sendto(question, client)
        assert asking.communicate(timeout=10)[0] == b"True\n"
        assert python(guarded, ASK, PORT=port).stdout == b""
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.recv(512)
    assert python(guarded, RESOLVE).stdout == b""


FAMILIES = """
import os, socket
for name, family, kind in (("vsock", 40, 1), ("alg", 38, 5), ("packet", 17, 3), ("raw", 2, 3 | 1 << 8), ("audit", 16, 3 | 9 << 8)):
    try: socket.socket(family, kind & 255, kind >> 8).close(); print(name)
    except OSError: pass
"""


def test_net_1_no_odd_family_of_sockets_exists(bare: Bare, guarded: Guarded) -> None:
    # Opened, never used: which of them there are is the machine's.
    expected = {"packet", "raw", "audit"} if os.getuid() == 0 else {"audit"}
    assert expected <= set(python(bare, FAMILIES).stdout.decode().split())
    assert python(guarded, FAMILIES).stdout == b""
