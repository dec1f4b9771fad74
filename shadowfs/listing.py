"""What git lists in a working tree: in a small one it is asked again only where a name there, or a rule, is another than the last time."""

from __future__ import annotations

import hashlib
import marshal
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shadowfs.names import is_git
from shadowfs.told import put

_MOST = 2000
"""How many names are looked through here: in more of them git is faster."""
_RULES = b".gitignore"


@dataclass(frozen=True, slots=True)
class Listing:
    """The untracked files, and the roots of what is ignored."""

    untracked: tuple[bytes, ...] = ()
    ignored: tuple[bytes, ...] = ()


def listed(depot: Path, root: Path, rules: bytes, ask: Callable[[], Listing]) -> Listing:
    """Return what `ask` lists below `root`, or what the depot has of it; `rules` are all that it goes by besides names and their files there."""
    file = depot / "told-listing"
    seen, known = _known(file)
    before = _names(root, rules, known)
    if before and before == seen:
        return known
    found = ask()
    # Who makes or removes a file meanwhile has git asked once more.
    still = found == known and before and before == _names(root, rules, known)
    put(file, marshal.dumps((before if still else b"", found.untracked, found.ignored)))
    return found


def _known(file: Path) -> tuple[bytes, Listing]:
    with suppress(FileNotFoundError, ValueError, EOFError, TypeError):
        seen, *found = marshal.loads(file.read_bytes())
        return seen, Listing(*found)
    return b"", Listing()


def _names(root: Path, rules: bytes, known: Listing) -> bytes:
    """Return a digest of all names, what they name, and the rules; b"" where there are many, a repository is nested, or something cannot be read.

    What is below an ignored directory has no part in it.
    """
    digest, left = hashlib.sha256(rules), _MOST
    pending, closed = [b""], frozenset(known.ignored)
    while pending:
        above = pending.pop()
        try:
            with os.scandir(os.path.join(os.fsencode(root), above)) as listing:  # noqa: PTH118 - many, and bytes
                entries = sorted(listing, key=lambda entry: entry.name)
            left -= len(entries)
            if left < 0 or (above and any(is_git(entry.name) for entry in entries)):
                return b""
            for entry in entries:
                path = above + entry.name
                digest.update(b"%s\0%c" % (path, _kind(entry)))
                if entry.name == _RULES and _kind(entry) == b"f":
                    digest.update(b"%s\0" % hashlib.sha256(Path(os.fsdecode(entry.path)).read_bytes()).digest())
                if entry.is_dir(follow_symlinks=False) and path not in closed and not is_git(entry.name):
                    pending.append(path + b"/")
        except OSError:
            return b""
    return digest.digest()


def _kind(entry: os.DirEntry[bytes]) -> bytes:
    if entry.is_symlink():
        return b"l"
    return b"d" if entry.is_dir() else b"f" if entry.is_file() else b"?"
