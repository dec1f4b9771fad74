"""Patterns of repository paths, as people write them in configuration: `*.lock`, `docs/`, `src/*/generated`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate

from shadowfs import RepoPath


def matching(patterns: Sequence[str]) -> Callable[[RepoPath], bool]:
    """Return a function that says whether a path matches any of `patterns`.

    One without a slash (a last one apart) holds for a name anywhere, a file's or a directory's; one with a slash for the
    path from the root, and for all below it.
    """
    names = _union([pattern.rstrip("/") for pattern in patterns if "/" not in pattern.rstrip("/")])
    paths = _union([pattern.strip("/") for pattern in patterns if "/" in pattern.rstrip("/")])

    def matches(path: RepoPath) -> bool:
        parts = path.split("/")
        above = ("/".join(parts[: end + 1]) for end in range(len(parts)))
        return any(names.match(part) for part in parts) or any(paths.match(prefix) for prefix in above)

    return matches


def _union(patterns: Sequence[str]) -> re.Pattern[str]:
    # Without patterns the expression is one that matches nothing.
    return re.compile("|".join(f"(?:{translate(pattern)})" for pattern in patterns) or "(?!)")
