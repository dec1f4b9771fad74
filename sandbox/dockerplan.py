"""Plan a sandbox's containers: pure, from the root, the policy, the image, the limits and the sandbox's own directories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.bwrap import FILES, refuse_inside
from sandbox.dockerengine import Bind, Image, Order, Volume
from sandbox.dockerprofile import profile
from sandbox.environment import clean, merged
from sandbox.host import most_tasks
from sandbox.sandbox import Limits, Policy, Root
from sandbox.scratch import Scratch

ENDS = Path("/run/nightcrew.ends")
"""Where a command's ends of its pipes and its channel lie inside."""

_TMP = Path("/tmp")
_SHM_BYTES = 512 << 20
_OWN_TASKS = 8
"""Room for process 1, the keeper and what the engine starts a command with."""
_KEEPER = 65534
_KEEP = "echo up; read -r _"
"""What a container waits for: the end of its input, which nightcrew holds, and which ends with nightcrew however that dies."""


@dataclass(frozen=True, slots=True)
class User:
    """Who commands run as."""

    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


@dataclass(frozen=True, slots=True)
class Held:
    """What of a command's limits its container holds: a container serves the commands with the same."""

    processes: int | None
    memory_bytes: int | None

    @classmethod
    def of(cls, limits: Limits) -> Held:
        """Return what is to be held of `limits`."""
        return cls(limits.processes, limits.memory_bytes)


@dataclass(frozen=True, slots=True)
class Plan:
    """What all containers of a sandbox share."""

    image: Image
    user: User
    environment: Mapping[str, str]
    binds: tuple[Bind, ...]
    empty: tuple[str, ...]
    labels: Mapping[str, str]
    network: bool
    volumes: tuple[Volume, ...] = ()
    keep: tuple[str, ...] = ("/bin/sh", "-c", _KEEP)
    """What runs in a container that waits, as another user than the commands'."""

    def order(self, held: Held) -> Order:
        """Return the order of a container that holds commands to `held`."""
        memory = held.memory_bytes
        return Order(
            image=self.image.id,
            argv=self.keep,
            # Another than the commands', so that none of them can end it, stop it or look into it.
            user=f"{_KEEPER - (self.user.uid == _KEEPER)}:{_KEEPER}",
            environment=self.environment,
            binds=self.binds,
            empty=self.empty,
            labels=self.labels,
            profile=profile(),
            network=self.network,
            processes=None if held.processes is None else most_tasks(held.processes) + _OWN_TASKS,
            # The meter says who took too much; the kernel counts more (files in memory), and is there for who is faster.
            memory_bytes=None if memory is None else memory + memory // 4 + (64 << 20),
            shm_bytes=_SHM_BYTES,
            volumes=self.volumes,
        )


def plan(root: Root, policy: Policy, image: Image, user: User, scratch: Scratch, labels: Mapping[str, str]) -> Plan:
    """Return what the containers of a sandbox share. Raises `SandboxError` for paths that cannot be safe."""
    readonly = [path for path in root.readonly if not path.is_relative_to(root.target)]
    refuse_inside((*readonly, *root.writable), (root.target, *root.writable))
    passwd, group = scratch.listed(user.uid, user.gid, image.passwd, image.group)
    binds = [
        *(Bind(str(scratch.tmp), place, readonly=False) for place in ("/tmp", "/var/tmp")),
        Bind(str(scratch.files), str(FILES)),
        Bind(str(scratch.ends), str(ENDS)),
        Bind(str(passwd), "/etc/passwd"),
        Bind(str(group), "/etc/group"),
        *(Bind(str(path), str(path)) for path in readonly),
        *_covers(policy.hidden, readonly, scratch),
        *(Bind(str(path), str(path), readonly=False) for path in root.writable),
        Bind(str(root.source), str(root.target), readonly=False),
        *(Bind(str(path), str(inside)) for inside, path in policy.sockets.items()),
    ]
    # A volume that an image declares would be a place to write to without a limit.
    empty = {*image.volumes, *steps_below_tmp((root.target, *readonly, *root.writable))}
    empty -= {bind.target for bind in binds}
    environment = merged(clean("/tmp/home", "/tmp"), image.environment, policy.environment)
    return Plan(image, user, environment, tuple(binds), tuple(sorted(empty)), labels, policy.network)


def _covers(hidden: Iterable[Path], shown: Iterable[Path], scratch: Scratch) -> Iterable[Bind]:
    """Cover what is hidden below a path that is shown; nothing else of the host is there."""
    for path in hidden:
        if any(path.is_relative_to(place) for place in shown):
            yield Bind(str(scratch.empty if path.is_dir() else scratch.blank), str(path))


def steps_below_tmp(paths: Iterable[Path]) -> set[str]:
    """Keep the way to what lies below /tmp out of the commands' hands: an empty file system at its first step."""
    return {str(_TMP / path.parts[2]) for path in paths if path.is_relative_to(_TMP) and len(path.parts) > 3}
