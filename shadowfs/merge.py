"""Three-way merge of one file's content, by git."""

from __future__ import annotations

import tempfile
from pathlib import Path

from shadowfs import git
from shadowfs.errors import DepotError


def merge(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """Return `ours` with what changed from `base` to `theirs`; None where both changed the same lines, or one is binary."""
    if b"\0" in base + ours + theirs:
        return None
    with tempfile.TemporaryDirectory(prefix="nightcrew-merge-") as directory:
        names = [Path(directory) / name for name in ("ours", "base", "theirs")]
        for name, data in zip(names, (ours, base, theirs), strict=True):
            name.write_bytes(data)
        try:
            return git.run(["merge-file", "-p", "-q", *names], git_dir=Path(directory))
        except DepotError:
            # It ends with the number of conflicts.
            return None
