"""What the search for tampering found at one line."""

from __future__ import annotations

from dataclasses import dataclass

from shadowfs import RepoPath


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact; `weakens` says whether it weakens the judging, else it is only worth a reviewer's look."""

    path: RepoPath
    text: str
    line: int | None = None
    weakens: bool = True
