"""A seccomp profile in Docker's form: what the `local` driver's filter refuses, and what Docker's own profile refuses beyond.

It takes the place of Docker's. What it does not name passes; calls of another architecture than the machine's are killed.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable
from typing import Any

_REFUSED = (
    # What the `local` driver refuses (sandbox/seccomp.py), by name.
    *(
        "pivot_root",
        "acct",
        "mount",
        "umount2",
        "umount",
        "swapon",
        "swapoff",
        "reboot",
        "sethostname",
        "setdomainname",
    ),
    *("iopl", "ioperm", "init_module", "delete_module", "finit_module", "quotactl", "quotactl_fd", "syslog"),
    *("lookup_dcookie", "kexec_load", "kexec_file_load", "add_key", "request_key", "keyctl", "perf_event_open"),
    *("open_by_handle_at", "setns", "bpf", "userfaultfd", "vhangup", "open_tree", "open_tree_attr", "move_mount"),
    *("fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr"),
    # What Docker's own profile refuses besides.
    *("clock_adjtime", "clock_settime", "settimeofday", "stime", "adjtimex", "create_module", "get_kernel_syms"),
    *(
        "query_module",
        "kcmp",
        "nfsservctl",
        "sysfs",
        "_sysctl",
        "uselib",
        "ustat",
        "vm86",
        "vm86old",
        "name_to_handle_at",
    ),
    *("fanotify_init", "chroot", "move_pages", "process_madvise", "modify_ldt"),
)
_ABSENT = ("io_uring_setup", "io_uring_enter", "io_uring_register", "clone3")
"""Said not to exist: callers fall back to the older calls."""

_NAMESPACES = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
"""CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}."""
_TIME = 0x80
_FAMILIES = (1, 2, 10)
"""AF_UNIX, AF_INET, AF_INET6."""
_NETLINK = 16
_TERMINAL = (0x5412, 0x541C)
"""TIOCSTI, TIOCLINUX."""
_NO_RANDOMIZE = 0x40000
_WORD = 0xFFFFFFFF
_ERRNO = "SCMP_ACT_ERRNO"


def profile() -> str:
    """Return the profile as Docker's API takes it."""
    return json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list(_rules())})


def _rules() -> Iterable[dict[str, Any]]:
    yield _refuse(_REFUSED, errno.EPERM)
    yield _refuse(_ABSENT, errno.ENOSYS)
    for flag in _NAMESPACES:
        yield _refuse(("clone", "unshare"), errno.EPERM, _bits(0, flag, flag))
    yield _refuse(("unshare",), errno.EPERM, _bits(0, _TIME, _TIME))
    # The kernel looks at the lower half of these arguments, libseccomp at all of them: compare without the upper one.
    for request in _TERMINAL:
        yield _refuse(("ioctl",), errno.EPERM, _bits(1, _WORD, request))
    sockets = ("socket", "socketpair")
    for family in set(range(_NETLINK)) - set(_FAMILIES):
        yield _refuse(sockets, errno.EAFNOSUPPORT, _bits(0, _WORD, family))
    for flag in (1 << bit for bit in range(5, 32)):
        yield _refuse(sockets, errno.EAFNOSUPPORT, _bits(0, flag, flag))
    for family in range(_NETLINK + 1, 32):
        yield _refuse(sockets, errno.EAFNOSUPPORT, _bits(0, _WORD, family))
    # Of netlink only routing, protocol 0: what `getifaddrs` asks.
    for flag in (1 << bit for bit in range(8)):
        yield _refuse(sockets, errno.EAFNOSUPPORT, _bits(0, _WORD, _NETLINK), _bits(2, flag, flag))
    for flag in (1 << bit for bit in range(32)):
        if flag != _NO_RANDOMIZE:
            yield _refuse(("personality",), errno.EPERM, _bits(0, flag, flag))


def _refuse(names: Iterable[str], number: int, *arguments: dict[str, Any]) -> dict[str, Any]:
    return {"names": list(names), "action": _ERRNO, "errnoRet": number, "args": list(arguments)}


def _bits(index: int, mask: int, value: int) -> dict[str, Any]:
    """Hold where the argument's bits under `mask` are `value`."""
    return {"index": index, "op": "SCMP_CMP_MASKED_EQ", "value": mask, "valueTwo": value}
