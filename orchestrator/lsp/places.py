"""Places: which file of the repository a document's URI names, and back. The editor may have come to the repository by a link."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit

from shadowfs import RepoPath

VIRTUAL = "nightcrew"
"""The scheme of documents that are no files: `nightcrew:/TICKET.diff`."""


@dataclass(frozen=True, slots=True)
class Places:
    """A repository, and `shown`, its root as the editor names it."""

    repository: Path
    shown: Path

    @classmethod
    def seen_from(cls, repository: Path, folder: Path) -> Places:
        """Return the places of a repository that the editor's `folder` lies in, or is."""
        shown = next((each for each in (folder, *folder.parents) if each.resolve() == repository), repository)
        return cls(repository, shown)

    def path_of(self, uri: str) -> RepoPath | None:
        """Return the file of the repository that a URI names; None for what lies elsewhere, in `.git`, or is no file."""
        file = file_of(uri)
        if file is None:
            return None
        path = _below(file, self.shown) or _below(file.parent.resolve() / file.name, self.repository)
        if not path or any(part == ".." or part.lower() == ".git" for part in path.split("/")):
            return None
        return path

    def uri_of(self, path: RepoPath) -> str:
        """Return the URI of a file of the repository."""
        return uri_of(self.shown / path)


def file_of(uri: str) -> Path | None:
    """Return the file that a URI names, None where it names none of this machine."""
    try:
        parts = urlsplit(uri)
        file = os.fsdecode(unquote_to_bytes(parts.path))
    except (ValueError, UnicodeError):
        return None
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not file.startswith("/") or "\0" in file:
        return None
    return Path(os.path.normpath(file))


def uri_of(file: Path) -> str:
    """Return the URI of a file of this machine."""
    return "file://" + quote(os.fsencode(file))


def ticket_of(uri: str) -> str | None:
    """Return the ticket whose change a virtual document shows."""
    parts = urlsplit(uri)
    if parts.scheme != VIRTUAL or not parts.path.endswith(".diff"):
        return None
    return parts.path.removesuffix(".diff").lstrip("/")


def diff_uri(ticket: str) -> str:
    """Return the URI of the virtual document that shows a ticket's change."""
    return f"{VIRTUAL}:/{quote(ticket)}.diff"


def _below(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix() if file != root and file.is_relative_to(root) else ""
