"""The depot: a private bare repository that keeps what the pinned bases of one user repository reach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Depot:
    """The depot at `path` (a bare git directory). A `gc` in the user's repository pulls nothing away from it."""

    path: Path

    def read(self, blob: str) -> bytes:
        """Return the bytes of `blob`; raise `DepotError` when it is not there."""
        raise NotImplementedError
