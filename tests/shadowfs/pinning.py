"""Pinning in tests: with a check that the repository was not touched."""

from __future__ import annotations

from pathlib import Path

from shadowfs import Snapshot, pin
from tests.shadowfs.repositories import digest


def contents(snapshot: Snapshot) -> dict[str, bytes]:
    """Return what the pinned tree holds."""
    entries = snapshot.depot.entries(snapshot.tree)
    return {path: snapshot.depot.read(entry.blob) for path, entry in entries.items() if entry.mode != 0o160000}


def pinned(repository: Path, tmp_path: Path) -> Snapshot:
    """Pin, and check that the repository was not touched."""
    before = digest(repository)
    snapshot = pin(repository, tmp_path / "state")
    assert digest(repository) == before
    return snapshot
