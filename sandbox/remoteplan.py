"""Plan the containers of a sandbox at an engine out of sight: pure. Where the local ones have binds, these have volumes."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.bwrap import FILES, refuse_inside
from sandbox.dockerengine import Image, Order, Volume
from sandbox.dockerplan import ENDS, Plan, User, steps_below_tmp
from sandbox.dockerprofile import profile
from sandbox.environment import clean, merged
from sandbox.errors import SandboxError
from sandbox.sandbox import Policy, Root

PLACE = "/run/nightcrew.porter"
"""Where the volumes lie, by number, in the container that ships files; and, in `cache`, the contents kept for other sandboxes."""

TREE, TMP, PUT, INPUTS = range(4)
"""Numbers of volumes."""

_VERSION = "1"
_MOST = 32
_MEMORY_BYTES = 2 << 30
_PROCESSES = 16


@dataclass(frozen=True, slots=True)
class Shipped:
    """A volume of a sandbox: its number, where commands see it, whether they can write to it; and the tree here, where it is a copy."""

    number: int
    target: str
    readonly: bool
    source: Path | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """All volumes of a sandbox, by number: the tree, /tmp, the files that were put, the inputs of commands, then the other trees."""

    all: tuple[Shipped, ...]

    @classmethod
    def of(cls, root: Root, tmp: Path) -> Layout:
        """Lay out the volumes of a sandbox on `root`. Raises `SandboxError` for paths that cannot be safe."""
        readonly = [path for path in root.readonly if not path.is_relative_to(root.target)]
        refuse_inside((*readonly, *root.writable), (root.target, *root.writable))
        places = [
            (str(root.target), False, root.source),
            ("/tmp", False, tmp),
            (str(FILES), True, None),
            (str(ENDS), True, None),
            *((str(path), False, path) for path in root.writable),
            *((str(path), True, path) for path in readonly),
        ]
        if len(places) > _MOST:
            raise SandboxError(f"{len(places)} directories are to be shown: {_MOST} is the most that are shipped")
        return cls(tuple(Shipped(number, *place) for number, place in enumerate(places)))

    @property
    def sources(self) -> Mapping[int, Path]:
        """The trees here."""
        return {each.number: each.source for each in self.all if each.source is not None}

    @property
    def returned(self) -> Sequence[int]:
        """The volumes whose content comes back."""
        return [number for number in self.sources if number != TMP and not self.all[number].readonly]


def place(number: int) -> str:
    """Return where a volume lies in the container that ships files."""
    return f"{PLACE}/{number}"


def account(user: User, passwd: bytes, group: bytes) -> bytes:
    """Return, as a tar archive, the lists with the commands' user, and directories of his for volumes to be made of."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, data in (("etc/passwd", passwd), ("etc/group", group)):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
        for path, mode in ((PLACE, 0o755), (f"{PLACE}/cache", 0o700), *((place(each), 0o755) for each in range(_MOST))):
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.type, entry.uid, entry.gid = tarfile.DIRTYPE, user.uid, user.gid
            entry.mode = 0o1777 if path == place(TMP) else mode
            archive.addfile(entry)
    return packed.getvalue()


def account_name(image: Image, user: User) -> str:
    """Return the name of an image with `account` in it."""
    return f"nightcrew:user-{hashlib.sha256(chr(0).join((_VERSION, image.id, str(user))).encode()).hexdigest()[:24]}"


def cache_name(image: Image, user: User, target: Path) -> str:
    """Return the name of the volume with the contents that are kept: one for each repository, image and user."""
    told = "\0".join((image.id, str(user), str(target)))
    return f"nightcrew-cache-{hashlib.sha256(told.encode('utf-8', 'surrogateescape')).hexdigest()[:24]}"


def porter_order(
    layout: Layout, image: Image, user: User, cache: str, program: str, labels: Mapping[str, str]
) -> Order:
    """Return the order of the container that ships files: no command runs in it, and it has no network."""
    own = tuple(Volume(place(each.number), made=True) for each in layout.all)
    return Order(
        image=image.id,
        argv=("python3", "-I", "-S", "-c", program, PLACE, f"{PLACE}/cache"),
        user=str(user),
        environment={},
        binds=(),
        empty=tuple(sorted(image.volumes)),
        labels=labels,
        profile=profile(),
        network=False,
        processes=_PROCESSES,
        memory_bytes=_MEMORY_BYTES,
        shm_bytes=1 << 20,
        volumes=(*own, Volume(f"{PLACE}/cache", cache, made=True, cache=layout.all[TREE].target)),
    )


def command_plan(
    layout: Layout,
    names: Mapping[int, str],
    image: Image,
    user: User,
    program: str,
    policy: Policy,
    labels: Mapping[str, str],
) -> Plan:
    """Return what the containers of commands share; `names` are those of the volumes."""
    shown = [*((each.target, each) for each in layout.all), ("/var/tmp", layout.all[TMP])]
    volumes = tuple(Volume(target, names[each.number], each.readonly) for target, each in shown)
    empty = {*image.volumes, *steps_below_tmp(Path(each.target) for each in layout.all)} - {v.target for v in volumes}
    return Plan(
        image=image,
        user=user,
        environment=merged(clean("/tmp/home", "/tmp"), image.environment, policy.environment),
        binds=(),
        empty=tuple(sorted(empty)),
        labels=labels,
        network=policy.network,
        volumes=volumes,
        keep=("python3", "-I", "-S", "-c", program, str(user.uid)),
    )
