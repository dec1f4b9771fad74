"""Plan the arguments of bubblewrap: pure, from what is known about the machine, the root and the policy.

Mounts are made from the outermost path inwards. None may lie inside a directory that commands can write to: they
could have put a symbolic link in its way, and bubblewrap would follow it with the rights of its caller.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.sandbox import Policy, Root

FILES = Path("/run/nightcrew")
"""Where the files that were put into a sandbox lie inside it."""

PROGRAMS = ("bwrap", "prlimit")
"""What has to be installed, and `ENTER` where the tree lies in a mount namespace of its own."""
ENTER = "nsenter"

_TMP = Path("/tmp")
_SHM_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Machine:
    """What the plan needs to know about the machine; every path is real (no symbolic links in it).

    `visible` are the entries of `/` to show, `hidden` what lies below them (or below a root's further paths) and must
    not be seen. `links` and `directories` say which of all these paths are symbolic links (and to where) or directories.
    """

    visible: tuple[Path, ...]
    links: dict[Path, str]
    directories: frozenset[Path]
    hidden: tuple[Path, ...]
    proc_read_only: tuple[Path, ...]
    proc_empty: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Host paths of the sandbox's own: its /tmp, an empty directory, the files put into it, its user and group list."""

    tmp: Path
    empty: Path
    files: Path
    passwd: Path
    group: Path


@dataclass(frozen=True, slots=True)
class _Mount:
    path: Path
    arguments: tuple[str, ...]
    empty: bool = False
    """An empty file system, made read-only once everything inside it is mounted."""


def plan(machine: Machine, root: Root, policy: Policy, places: Places, uid: int, gid: int) -> tuple[str, ...]:
    """Return the arguments that every command of a sandbox shares. Raises `SandboxError` for paths that cannot be safe."""
    # What lies inside the tree, the tree itself shows.
    readonly = [path for path in root.readonly if not path.is_relative_to(root.target)]
    extra = [*readonly, *root.writable]
    refuse_inside(extra, (root.target, *root.writable))
    mounts = [
        *_machine(machine),
        *_covers(machine, root, extra, places.empty),
        *_own(places, (*extra, root.target)),
        *(_show(path, machine, "--ro-bind") for path in readonly if not _seen(path, machine)),
        *(_show(path, machine, "--bind") for path in root.writable),
        *(_Mount(inside, ("--ro-bind", str(path), str(inside))) for inside, path in policy.sockets.items()),
        _Mount(root.target, ("--bind", str(root.source), str(root.target))),
        *_steps_below_tmp([root.target, *extra]),
    ]
    mounts.sort(key=lambda mount: len(mount.path.parts))
    arguments = list(_isolation(policy, uid, gid))
    for mount in mounts:
        arguments += mount.arguments
    for mount in reversed(mounts):
        if mount.empty:
            arguments += ("--remount-ro", str(mount.path))
    return (*arguments, "--remount-ro", "/dev", "--remount-ro", "/")


def _isolation(policy: Policy, uid: int, gid: int) -> Iterable[str]:
    yield from ("--unshare-all", "--unshare-user", "--uid", str(uid), "--gid", str(gid), "--disable-userns")
    if policy.network:
        yield "--share-net"
    yield from ("--cap-drop", "ALL", "--die-with-parent", "--new-session", "--as-pid-1", "--clearenv")


def _covers(machine: Machine, root: Root, extra: Iterable[Path], empty: Path) -> Iterable[_Mount]:
    """Yield what covers the hidden paths; those in the tree are the tree's, and what is asked for by name is shown."""
    needed = {*extra, root.target}
    for path in machine.hidden:
        if path not in needed and not _inside(path, (root.target, *root.writable)):
            yield _hide(path, machine, empty, any(place.is_relative_to(path) for place in needed))


def _machine(machine: Machine) -> Iterable[_Mount]:
    for path in machine.visible:
        if path in machine.links:
            yield _Mount(path, ("--symlink", machine.links[path], str(path)))
        else:
            yield _Mount(path, ("--ro-bind", str(path), str(path)))
    yield _Mount(Path("/dev"), ("--dev", "/dev"))
    yield _Mount(Path("/dev/shm"), ("--perms", "1777", "--size", str(_SHM_BYTES), "--tmpfs", "/dev/shm"))
    yield _Mount(Path("/proc"), ("--proc", "/proc"))
    for path in machine.proc_read_only:
        yield _Mount(path, ("--ro-bind", str(path), str(path)))
    for path in machine.proc_empty:
        yield _Mount(path, ("--ro-bind", "/dev/null", str(path)))


def _own(places: Places, needed: Iterable[Path]) -> Iterable[_Mount]:
    yield _Mount(_TMP, ("--bind", str(places.tmp), str(_TMP)))
    for path, link in ((Path("/var/tmp"), "/tmp"), (Path("/var/run"), "/run")):
        if not any(place.is_relative_to(path) for place in needed):
            yield _Mount(path, ("--symlink", link, str(path)))
    yield _Mount(Path("/home"), ("--dir", "/home"))
    yield _Mount(FILES, ("--ro-bind", str(places.files), str(FILES)))
    yield _Mount(Path("/etc/passwd"), ("--ro-bind", str(places.passwd), "/etc/passwd"))
    yield _Mount(Path("/etc/group"), ("--ro-bind", str(places.group), "/etc/group"))


def _seen(path: Path, machine: Machine) -> bool:
    """Say whether a path shows without being mounted by itself."""
    return _inside(path, set(machine.visible) - set(machine.links)) and not _inside(path, machine.hidden)


def _hide(path: Path, machine: Machine, empty: Path, holds: bool) -> _Mount:
    """Cover a path; a directory that `holds` something to show gets an empty file system, in which that can be mounted."""
    if path not in machine.directories:
        return _Mount(path, ("--ro-bind", "/dev/null", str(path)))
    if holds:
        return _Mount(path, ("--tmpfs", str(path)), empty=True)
    # One mount instead of a mount and a remount: each costs bubblewrap a look at the whole mount table.
    return _Mount(path, ("--ro-bind", str(empty), str(path)))


def _show(path: Path, machine: Machine, how: str) -> _Mount:
    link = machine.links.get(path)
    if link is not None:
        return _Mount(path, ("--symlink", link, str(path)))
    return _Mount(path, (how, str(path), str(path)))


def _steps_below_tmp(paths: Iterable[Path]) -> Iterable[_Mount]:
    """Keep the way to what lies below /tmp out of the commands' hands: an empty file system at its first step.

    A mount point cannot be renamed or replaced from within, and every command of the sandbox has it.
    """
    steps = {_TMP / path.parts[2] for path in paths if path.is_relative_to(_TMP) and len(path.parts) > 3}
    return [_Mount(step, ("--tmpfs", str(step)), empty=True) for step in sorted(steps)]


def first_steps(root: Root) -> list[str]:
    """Return the names in the private /tmp that have to be directories before the first command runs."""
    paths = (root.target, *root.readonly, *root.writable)
    return sorted({path.parts[2] for path in paths if path.is_relative_to(_TMP) and len(path.parts) > 2})


def _inside(path: Path, places: Iterable[Path]) -> bool:
    return any(path.is_relative_to(place) for place in places)


def refuse_inside(paths: Iterable[Path], writable: Iterable[Path]) -> None:
    """Raise `SandboxError` for a path inside one of `writable`, which commands can write to."""
    for path in paths:
        for place in writable:
            if path != place and path.is_relative_to(place):
                raise SandboxError(
                    f"{path} lies inside {place}, which commands can write to: keep nightcrew's state and the"
                    " project's toolchains outside of the repository"
                )
