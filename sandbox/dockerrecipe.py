"""How an image is made, told to a driver that makes some."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that an image is made with: its path, relative; its mode, a link's or executable's included; its content."""

    path: str
    mode: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make an image: `base`, or what the text `dockerfile` builds in `context`; then `setup` runs in it.

    `files` are the repository's, relative to it; `setup` is a shell's command, run as root in `directory`, where they lie,
    with the network and the `secrets`. `depends` are the contents that make it another image when they change; the values of
    secrets do not.
    """

    files: Callable[[], Iterable[SourceFile]]
    directory: Path
    depends: tuple[bytes, ...] = ()
    base: str | None = None
    dockerfile: str | None = None
    context: str = "."
    arguments: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    setup: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The image's name: of what it is made of and how."""
        import hashlib
        import json

        told = [self.base, self.dockerfile, self.context, self.target, self.setup, str(self.directory)]
        told += [json.dumps(sorted(self.arguments.items())), json.dumps(sorted(self.secrets))]
        digests = [hashlib.sha256(data).hexdigest() for data in self.depends]
        return f"nightcrew:{hashlib.sha256(json.dumps([told, digests]).encode()).hexdigest()[:24]}"
