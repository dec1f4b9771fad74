"""What a server is told to hold, and where; as it goes over the wire."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from shadowfs.home import Home

if TYPE_CHECKING:
    from shadowfs.snapshot import Snapshot

Overlay = tuple[tuple[str, int | None, str], ...]


@dataclass(frozen=True, slots=True)
class Quota:
    """How much one shadow may hold: bytes of the files it wrote (holes count), and files and directories it made."""

    size_bytes: int = 32 << 30
    nodes: int = 400_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where one shadow keeps its own."""

    mnt: str
    upper: str
    git: str
    blobs: str
    log: str

    @classmethod
    def of(cls, home: Home) -> Place:
        """Return the place that a home is."""
        path = home.path
        return cls(str(home.mnt), str(home.upper), str(home.git), str(path / "blobs"), str(path / "server.log"))

    @property
    def gitfile(self) -> bytes:
        """Return the content of the root's `.git`."""
        return b"gitdir: " + os.fsencode(self.git) + b"\n"

    def message(self) -> dict[str, Any]:
        """Return it as it goes over the wire."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Order:
    """What a server is to hold. `overlay` are the files that differ from the pin: path, mode (None: gone) and blob."""

    place: Place
    repository: str
    depot: str
    pin: str
    base: str
    tree: str
    overlay: Overlay
    quota: Quota
    loop: str
    visible: bool
    user: tuple[int, int] | None = None
    """Who may use a visible mount besides its owner, and is shown as the owner of what is the server's: uid and gid."""

    def over(self, snapshot: Snapshot, tree: str) -> Order:
        """Return the order to hold another tree over another snapshot of the same repository."""
        return replace(self, pin=str(snapshot.pin), base=snapshot.tree, tree=tree, overlay=overlay_of(snapshot, tree))

    def message(self) -> dict[str, Any]:
        """Return it as it goes over the wire."""
        return asdict(self)

    @classmethod
    def of(cls, message: dict[str, Any]) -> Order:
        """Read what `message` wrote."""
        overlay = tuple((path, mode, blob) for path, mode, blob in message["overlay"])
        nested = {"place": Place(**message["place"]), "quota": Quota(**message["quota"]), "overlay": overlay}
        nested["user"] = tuple(message["user"]) if message["user"] else None
        return cls(**{**message, **nested})


def overlay_of(snapshot: Snapshot, tree: str) -> Overlay:
    """Return the files of `tree` that differ from a snapshot's."""
    if tree == snapshot.tree:
        return ()
    files = snapshot.depot.change(snapshot.tree, tree).files
    return tuple(
        (file.path, file.after.mode, file.after.blob) if file.after else (file.path, None, "") for file in files
    )
