"""A seccomp filter for the processes of a sandbox, as the raw BPF program that `bwrap --seccomp` takes.

It denies what a test suite does not need and what kernel exploits start from; everything else passes.
Numbers and layout: linux/seccomp.h, linux/filter.h, linux/audit.h and the kernel's system call tables.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable
from dataclasses import dataclass

_LD_WORD = 0x20
_JUMP_EQUAL = 0x15
_JUMP_GREATER_OR_EQUAL = 0x35
_JUMP_ANY_BIT = 0x45
_RETURN = 0x06
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000

_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_X32_BIT = 0x40000000

_NAMESPACES = 0x7E020080
"""CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET,TIME}; NEWTIME shares its bit with clone's exit signal, see `_TIME`."""
_TIME = 0x80
_FAMILIES = (1, 2, 10)
"""AF_UNIX, AF_INET, AF_INET6."""
_NETLINK = 16
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_PERSONALITIES = (0x0, 0xFFFFFFFF, 0x0040000)
"""PER_LINUX, the query, ADDR_NO_RANDOMIZE (sanitizers and debuggers ask for it)."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """The audit number of a machine and its system call numbers: refused, said not to exist, and looked at."""

    audit: int
    refused: tuple[int, ...]
    absent: tuple[int, ...]
    unshare: int
    clone: int
    socket: int
    socketpair: int
    ioctl: int
    personality: int
    has_x32: bool = False


# Since 424 both machines share one numbering: open_tree, move_mount, fsopen, fsconfig, fsmount, fspick,
# mount_setattr, quotactl_fd, open_tree_attr.
_NEW_REFUSED = (428, 429, 430, 431, 432, 433, 442, 443, 467)
# io_uring_setup, io_uring_enter, io_uring_register, clone3: callers fall back to the older calls.
_NEW_ABSENT = (425, 426, 427, 435)

ARCHITECTURES = {
    "x86_64": Architecture(
        audit=0xC000003E,
        # pivot_root, acct, mount, umount2, swapon, swapoff, reboot, sethostname, setdomainname, iopl, ioperm,
        # init_module, delete_module, quotactl, syslog, lookup_dcookie, kexec_load, add_key, request_key, keyctl,
        # perf_event_open, open_by_handle_at, setns, finit_module, kexec_file_load, bpf, userfaultfd, vhangup
        refused=(
            *(155, 163, 165, 166, 167, 168, 169, 170, 171, 172, 173, 175, 176, 179, 103, 212, 246, 248, 249, 250),
            *(298, 304, 308, 313, 320, 321, 323, 153),
            *_NEW_REFUSED,
        ),
        absent=_NEW_ABSENT,
        unshare=272,
        clone=56,
        socket=41,
        socketpair=53,
        ioctl=16,
        personality=135,
        has_x32=True,
    ),
    "aarch64": Architecture(
        audit=0xC00000B7,
        # The same, in the generic numbering (no iopl and ioperm there).
        refused=(
            *(41, 89, 40, 39, 224, 225, 142, 161, 162, 105, 106, 60, 116, 18, 104, 217, 218, 219),
            *(241, 265, 268, 273, 294, 280, 282, 58),
            *_NEW_REFUSED,
        ),
        absent=_NEW_ABSENT,
        unshare=97,
        clone=220,
        socket=198,
        socketpair=199,
        ioctl=29,
        personality=92,
    ),
}


class _Assembler:
    """Collects BPF instructions; every test that holds ends the program, so all jumps are short and local."""

    def __init__(self) -> None:
        self._code: list[bytes] = []

    def emit(self, code: int, operand: int, if_true: int = 0, if_false: int = 0) -> None:
        self._code.append(struct.pack("=HBBI", code, if_true, if_false, operand))

    def load(self, offset: int) -> None:
        self.emit(_LD_WORD, offset)

    def answer(self, test: int, operand: int, verdict: int) -> None:
        """Return `verdict` where `test` holds for the loaded word."""
        self.emit(test, operand, 0, 1)
        self.emit(_RETURN, verdict)

    def only(self, number: int, body: _Assembler) -> None:
        """Run `body` for system call `number` alone; the number is loaded before it and again after it."""
        self.emit(_JUMP_EQUAL, number, 0, len(body._code) + 1)
        self._code += body._code
        self.load(_NUMBER_AT)

    def program(self) -> bytes:
        return b"".join(self._code)


def _argument(index: int) -> int:
    return _ARGUMENTS_AT + 8 * index


def _refuse_bits(index: int, bits: int) -> _Assembler:
    body = _Assembler()
    body.load(_argument(index))
    body.answer(_JUMP_ANY_BIT, bits, _ERRNO | errno.EPERM)
    return body


def _refuse_values(index: int, values: Iterable[int]) -> _Assembler:
    body = _Assembler()
    body.load(_argument(index))
    for value in values:
        body.answer(_JUMP_EQUAL, value, _ERRNO | errno.EPERM)
    return body


def _allow_values(index: int, values: Iterable[int], otherwise: int) -> _Assembler:
    body = _Assembler()
    body.load(_argument(index))
    for value in values:
        body.answer(_JUMP_EQUAL, value, _ALLOW)
    body.emit(_RETURN, _ERRNO | otherwise)
    return body


def _families() -> _Assembler:
    """Allow the socket families of ordinary programs, and of netlink only routing (what `getifaddrs` asks)."""
    body = _Assembler()
    body.load(_argument(0))
    for family in _FAMILIES:
        body.answer(_JUMP_EQUAL, family, _ALLOW)
    body.emit(_JUMP_EQUAL, _NETLINK, 0, 3)
    body.load(_argument(2))
    body.answer(_JUMP_EQUAL, 0, _ALLOW)
    body.emit(_RETURN, _ERRNO | errno.EAFNOSUPPORT)
    return body


def program(machine: str) -> bytes | None:
    """Return the filter for `machine` (as `os.uname().machine` names it), None where its numbers are not known."""
    architecture = ARCHITECTURES.get(machine)
    if architecture is None:
        return None
    code = _Assembler()
    code.load(_ARCHITECTURE_AT)
    code.emit(_JUMP_EQUAL, architecture.audit, 1, 0)
    code.emit(_RETURN, _ERRNO | errno.ENOSYS)
    code.load(_NUMBER_AT)
    if architecture.has_x32:
        code.answer(_JUMP_GREATER_OR_EQUAL, _X32_BIT, _ERRNO | errno.ENOSYS)
    code.only(architecture.ioctl, _refuse_values(1, (_TIOCSTI, _TIOCLINUX)))
    code.only(architecture.clone, _refuse_bits(0, _NAMESPACES & ~_TIME))
    code.only(architecture.socket, _families())
    code.only(architecture.socketpair, _families())
    code.only(architecture.unshare, _refuse_bits(0, _NAMESPACES))
    code.only(architecture.personality, _allow_values(0, _PERSONALITIES, errno.EPERM))
    for number in architecture.refused:
        code.answer(_JUMP_EQUAL, number, _ERRNO | errno.EPERM)
    for number in architecture.absent:
        code.answer(_JUMP_EQUAL, number, _ERRNO | errno.ENOSYS)
    code.emit(_RETURN, _ALLOW)
    return code.program()
