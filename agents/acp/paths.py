"""Absolute paths, as agents name files, and paths of the repository."""

from __future__ import annotations

import os
from pathlib import Path

from shadowfs import RepoPath


def inside(root: Path, path: str) -> RepoPath | None:
    """Return the repository's path of an absolute one; None for one that lies outside, is not absolute, or is the root."""
    plain = os.path.normpath(path)
    prefix = f"{root}/"
    return plain.removeprefix(prefix) if path.startswith("/") and plain.startswith(prefix) else None
