"""Look at this machine: which of its top-level directories a sandbox shows, and what below them it hides."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable
from pathlib import Path

from sandbox import hidden
from sandbox.bwrap import Machine
from sandbox.errors import SandboxError
from sandbox.sandbox import Policy, Root


def survey(root: Root, policy: Policy, scratch: Path) -> Machine:
    """Look at the machine: what to show of it, and what of that to hide; the scratch root `scratch` is hidden too."""
    visible = hidden.top_level()
    shown = (*visible, *root.readonly)
    asked = [path for path in map(real, (*policy.hidden, scratch, _home())) if path.exists()]
    conceal = [
        *hidden.private(visible),
        *hidden.sockets(shown),
        *(path for path in asked if any(path.is_relative_to(place) for place in shown)),
    ]
    outermost = _outermost(path for path in conceal if path not in root.readonly)
    known = (*visible, *root.readonly)
    return Machine(
        visible=visible,
        links={path: str(path.readlink()) for path in known if path.is_symlink()},
        directories=frozenset(path for path in outermost if stat.S_ISDIR(path.lstat().st_mode)),
        hidden=outermost,
        proc_read_only=tuple(hidden.proc_read_only()),
        proc_empty=tuple(hidden.proc_empty()),
    )


def _outermost(paths: Iterable[Path]) -> tuple[Path, ...]:
    kept: set[Path] = set()
    for path in sorted(set(paths)):
        if not any(parent in kept for parent in path.parents):
            kept.add(path)
    return tuple(sorted(kept))


def _home() -> Path:
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path("/nonexistent")


def real(path: Path) -> Path:
    """Return an absolute path without symbolic links. Raises `SandboxError` for one that cannot be shown."""
    if not path.is_absolute() or path == Path("/"):
        raise SandboxError(f"{path} cannot be shown to a sandbox: it takes an absolute path other than /")
    return Path(os.path.realpath(path))


def resolver() -> tuple[Path, ...]:
    """Return the file that says who resolves names, where it lies in a directory that a sandbox does not show."""
    path = Path(os.path.realpath("/etc/resolv.conf"))
    return () if path.is_relative_to("/etc") or not path.exists() else (path,)
