"""The system call filter: its program, run by a small interpreter for both machines, and for real in a sandbox."""

from __future__ import annotations

import errno
import struct

import pytest

from sandbox.seccomp import ARCHITECTURES, program
from tests.sandbox.cases import OpenLocal, needs_local, open_local, python, tree

__all__ = ["open_local", "tree"]

ALLOW = 0x7FFF0000
REFUSED = 0x00050000 | errno.EPERM
ABSENT = 0x00050000 | errno.ENOSYS
NO_FAMILY = 0x00050000 | errno.EAFNOSUPPORT


def verdict(code: bytes, audit: int, number: int, *arguments: int) -> int:
    """Run a classic BPF program on the `struct seccomp_data` of one system call (linux/filter.h)."""
    values = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", number, audit, 0, *values)
    instructions = list(struct.iter_unpack("=HBBI", code))
    assert len(instructions) < 4096
    at, word = 0, 0
    while True:
        operation, if_true, if_false, operand = instructions[at]
        at += 1
        if operation == 0x20:
            (word,) = struct.unpack_from("=I", data, operand)
        elif operation == 0x06:
            return int(operand)
        else:
            holds = {0x15: word == operand, 0x35: word >= operand, 0x45: bool(word & operand)}[operation]
            at += if_true if holds else if_false


@pytest.fixture(params=sorted(ARCHITECTURES))
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ask(machine: str, number: int, *arguments: int) -> int:
    code = program(machine)
    assert code is not None
    return verdict(code, ARCHITECTURES[machine].audit, number, *arguments)


def test_what_is_named_is_refused_and_all_else_passes(machine: str) -> None:
    table = ARCHITECTURES[machine]
    looked_at = {table.unshare, table.clone, table.socket, table.socketpair, table.ioctl, table.personality}
    for number in range(500):
        if number in table.refused:
            assert ask(machine, number) == REFUSED
        elif number in table.absent:
            assert ask(machine, number) == ABSENT
        elif number not in looked_at:
            assert ask(machine, number) == ALLOW, number


def test_calls_of_another_architecture_do_not_exist(machine: str) -> None:
    code = program(machine)
    assert code is not None
    i386 = 0x40000003
    assert verdict(code, i386, 20) == ABSENT
    if ARCHITECTURES[machine].has_x32:
        assert ask(machine, 0x40000000 | 39) == ABSENT


def test_new_namespaces_are_refused_and_ordinary_clones_pass(machine: str) -> None:
    table = ARCHITECTURES[machine]
    fork, thread, new_user, new_mounts = 0x01200011, 0x003D0F00, 0x10000000, 0x00020000
    assert ask(machine, table.clone, fork) == ALLOW
    assert ask(machine, table.clone, thread) == ALLOW
    for flags in (new_user, new_mounts, new_user | new_mounts | fork):
        assert ask(machine, table.clone, flags) == REFUSED
        assert ask(machine, table.unshare, flags) == REFUSED
    assert ask(machine, table.unshare, 0x400) == ALLOW


def test_only_ordinary_socket_families_exist(machine: str) -> None:
    for call in (ARCHITECTURES[machine].socket, ARCHITECTURES[machine].socketpair):
        for family in range(50):
            expected = ALLOW if family in (1, 2, 10, 16) else NO_FAMILY
            assert ask(machine, call, family, 1, 0) == expected, family
        assert ask(machine, call, 16, 3, 9) == NO_FAMILY


def test_input_cannot_be_pushed_into_a_terminal(machine: str) -> None:
    ioctl = ARCHITECTURES[machine].ioctl
    assert ask(machine, ioctl, 0, 0x5412) == REFUSED
    assert ask(machine, ioctl, 0, 0x541C) == REFUSED
    assert ask(machine, ioctl, 0, 0xFFFFFFFF00005412) == REFUSED
    assert ask(machine, ioctl, 0, 0x5413) == ALLOW


def test_odd_personalities_are_refused(machine: str) -> None:
    personality = ARCHITECTURES[machine].personality
    assert ask(machine, personality, 0xFFFFFFFF) == ALLOW
    assert ask(machine, personality, 0x0040000) == ALLOW
    assert ask(machine, personality, 0x0400000) == REFUSED


def test_a_machine_whose_numbers_are_unknown_has_no_filter() -> None:
    assert program("vax") is None


@needs_local
def test_the_kernel_takes_the_filter_and_answers_so(open_local: OpenLocal) -> None:
    code = """
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    ctypes.set_errno(0)
    result = getattr(libc, name)(*arguments)
    return errno.errorcode.get(ctypes.get_errno()) if result < 0 else "done"
print(call("unshare", 0x10000000), call("mount", b"/", b"/tmp", None, 4096, None), call("setns", 0, 0), call("personality", 0x400000))
for family in (40, 38, 17):
    try: socket.socket(family, socket.SOCK_DGRAM); print("done")
    except OSError as error: print(errno.errorcode[error.errno])
print(open("/proc/self/status").read().split("Seccomp:")[1].split()[0])
"""
    said = python(open_local(), code).stdout.decode().split()
    assert said == ["EPERM"] * 4 + ["EAFNOSUPPORT"] * 3 + ["2"]
