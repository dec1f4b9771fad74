"""Paths that a model wrote: hostile until they are known to lie in the tree and to be free for change."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping

from rapidfuzz import fuzz, process

from agents.edits.edit import Unclear
from shadowfs import RepoPath

_NEAREST = 3
_GIT = (".git", "git~1")


def inside(path: str) -> RepoPath:
    """Return a path below the tree's root; raise `Unclear` for what leaves it, enters .git, or could be taken for either."""
    clean = path.removeprefix("./")
    parts = clean.split("/")
    odd = "\\" in clean or any(unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") for letter in clean)
    if odd or any(part in ("", ".", "..") or part != part.strip() for part in parts):
        raise Unclear(f"{path!r} is not a path inside the repository; write it relative to the root, as in src/name.py")
    if any(part.casefold().rstrip(". ") in _GIT for part in parts):
        raise Unclear(f"{path!r} enters .git, which no edit may change")
    return clean


def existing(path: str, files: Mapping[RepoPath, bytes]) -> RepoPath:
    """Return which file a path names: itself, or the only one that ends in it; raise `Unclear` with the nearest names."""
    clean = inside(path)
    if clean in files:
        return clean
    ending = [each for each in files if each.endswith(f"/{clean}")]
    if len(ending) == 1:
        return inside(ending[0])
    near = ending or _nearest(clean, files)
    told = f"; did you mean {' or '.join(sorted(near)[:_NEAREST])}?" if near else ""
    raise Unclear(f"{clean} is not in the repository{told}")


def free(path: RepoPath, protected: Collection[RepoPath]) -> RepoPath:
    """Return a path that may be changed; raise `Unclear` for a protected one."""
    if path in protected:
        raise Unclear(f"{path} is protected; change other files")
    return path


def vacant(path: RepoPath, files: Iterable[RepoPath]) -> RepoPath:
    """Return a path at which a file can be made; raise `Unclear` where a folder is, or a file where a folder must be."""
    above = {path[:at] for at, letter in enumerate(path) if letter == "/"}
    for each in files:
        if each in above or each.startswith(f"{path}/"):
            raise Unclear(f"{path} cannot be made: {each} is there")
    return path


def _nearest(path: RepoPath, files: Iterable[RepoPath]) -> list[RepoPath]:
    return [
        found[0] for found in process.extract(path, list(files), scorer=fuzz.ratio, score_cutoff=60, limit=_NEAREST)
    ]
