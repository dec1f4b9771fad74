"""Mount namespaces of a process's own, so that what it mounts nobody else sees and nothing of it stays behind."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_MS_REC = 0x4000
_MS_PRIVATE = 0x40000
_MNT_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


def enter_own_namespace() -> None:
    """Give this process (it must have one thread) a mount namespace of its own, and a user namespace where it is not root."""
    if os.geteuid() != 0:
        uid, gid = os.geteuid(), os.getegid()
        _check("unshare a user namespace", _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS))
        # Everybody keeps his number: files made inside are the user's.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    else:
        _check("unshare a mount namespace", _libc.unshare(_CLONE_NEWNS))
    _check("make mounts private", _libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None))


def enter_copied_namespace(mounted: bytes) -> None:
    """Give a forked process a mount namespace apart from its parent's, without the parent's mount at `mounted`."""
    _check("unshare a mount namespace", _libc.unshare(_CLONE_NEWNS))
    _check("detach the inherited mount", _libc.umount2(mounted, _MNT_DETACH))


def _check(doing: str, result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, f"cannot {doing}: {os.strerror(code)}")
