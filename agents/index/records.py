"""The records of the code index: what it reads, what it is asked, what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

BlobId = str
"""A git blob id in hex."""


class Contents(Protocol):
    """Where blobs are read; a depot is one."""

    def sizes(self, blobs: Iterable[BlobId]) -> Mapping[BlobId, int]:
        """Return the sizes in bytes of those of the blobs that are there."""
        ...

    def read(self, blob: BlobId) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of the traceback in a ticket: a path as it stands there, a line (from 1). Deepest frames come last."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for. `text` is the ticket's; `failing` are test ids, `tests` those tests' source. All of it is untrusted."""

    text: str
    failing: tuple[str, ...] = ()
    tests: str = ""
    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True, slots=True)
class Updated:
    """What an update did: files in view, blobs read for it, and what it left out, by reason."""

    files: int
    read: int
    left_out: Mapping[str, int] = field(default_factory=dict)
