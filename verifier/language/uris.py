"""File URIs, as servers write them in their different ways, and the paths they stand for."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit

from shadowfs import RepoPath


def uri_of(root: Path, path: RepoPath = "") -> str:
    """Return the URI of a path of the repository, or of the repository itself."""
    return "file://" + quote(os.fsencode(root / path if path else root))


def path_of(root: Path, uri: str) -> str | None:
    """Return the path relative to `root`, absolute where it lies outside; None where the URI names no file."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme != "file":
        return None
    absolute = posixpath.normpath(os.fsdecode(unquote_to_bytes(parts.path)))
    within = os.path.relpath(absolute, root)
    return absolute if within == ".." or within.startswith("../") else within
