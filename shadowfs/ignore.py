"""Which files made in a shadow stay out of its change: by the rules of the pinned base and of the user, never by rules the agent wrote."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO

from shadowfs import kept
from shadowfs.change import RepoPath
from shadowfs.errors import DepotError
from shadowfs.gitdir import make_git_dir
from shadowfs.names import is_git
from shadowfs.pintable import PinTable
from shadowfs.secrets import hiding
from shadowfs.snapshot import Snapshot

_WORDS = ("check-ignore", "-z", "--stdin", "--no-index", "--verbose", "--non-matching")
_FIELDS = 4
"""What it says of a path: file, line and text of the pattern, and the path."""
_PORTION_BYTES = 4000
"""What any pipe takes, also of a user who has very many."""
_IGNORE = b".gitignore"


def ignored_paths(snapshot: Snapshot, paths: Iterable[RepoPath]) -> set[RepoPath]:
    """Return those of the paths, of files that are not pinned, that never enter a change.

    These are files below the ignored roots, in git directories, with names that hold secrets, and what the pinned
    `.gitignore` files, the user's `info/exclude` and `core.excludesFile` ignore.
    """
    hidden = hiding(snapshot.secret_patterns)
    roots = frozenset(snapshot.ignored)
    found = set()
    asked = []
    for path in paths:
        raw = os.fsencode(path)
        if _is_below(path, roots) or hidden(raw, False) or any(map(is_git, raw.split(b"/"))):
            found.add(path)
        else:
            asked.append(raw)
    return found | _by_rules(snapshot, asked) if asked else found


def _is_below(path: RepoPath, roots: frozenset[RepoPath]) -> bool:
    while path:
        if path in roots:
            return True
        path = path.rpartition("/")[0]
    return False


def _by_rules(snapshot: Snapshot, paths: list[bytes]) -> set[RepoPath]:
    rules = _rules(snapshot)
    # This command alone takes no literal paths: with a dot in front none starts like a pattern.
    called = kept.Called(_WORDS, rules / ".git", rules, (("GIT_LITERAL_PATHSPECS", "0"),))
    found: set[RepoPath] = set()
    for asked in _portions(paths):
        told = kept.ask(called, b"".join(b"./%s\0" % path for path in asked), partial(_told, count=len(asked)))
        found |= {os.fsdecode(path) for path, pattern in zip(asked, told, strict=True) if _ignores(pattern)}
    return found


def _portions(paths: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield paths in portions that fit into a pipe while nobody reads the answers."""
    portion: list[bytes] = []
    size = 0
    for path in paths:
        if portion and size + len(path) > _PORTION_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(path)
        size += len(path) + 3
    yield portion


def _told(said: IO[bytes], count: int) -> list[bytes]:
    """Return the pattern that decides about each path, b"" where there is none."""
    fields: list[bytes] = []
    rest = b""
    while len(fields) < _FIELDS * count:
        data = os.read(said.fileno(), 1 << 16)
        if not data:
            raise EOFError
        *whole, rest = (rest + data).split(b"\0")
        fields += whole
    return fields[2::_FIELDS]


def _ignores(pattern: bytes) -> bool:
    return bool(pattern) and not pattern.startswith(b"!")


def _rules(snapshot: Snapshot) -> Path:
    """Return the working tree of ours that has the rules of a pin; pins with the same rules share it."""
    noted = snapshot.pin.with_name("ignoring")
    if noted.exists() and (rules := snapshot.depot.path / "rules" / noted.read_text()).is_dir():
        return rules
    exclude = snapshot.pin.with_name("exclude").read_bytes()
    config = snapshot.pin.with_name("config").read_text()
    files = {
        (directory + b"/" + _IGNORE).lstrip(b"/"): row[1]
        for directory, rows in PinTable.load(snapshot.pin).directories.items()
        if (row := rows.get(_IGNORE)) is not None and row[0] != 0o120000
    }
    digest = hashlib.sha256(repr((exclude, config, sorted(files.items()))).encode()).hexdigest()[:32]
    rules = snapshot.depot.path / "rules" / digest
    if not rules.is_dir():
        rules.parent.mkdir(exist_ok=True)
        _make_rules(snapshot, rules, files, config, exclude)
    made = noted.with_name(f"ignoring.{secrets.token_hex(4)}")
    made.write_text(digest)
    made.replace(noted)
    return rules


def _make_rules(snapshot: Snapshot, rules: Path, files: Mapping[bytes, str], config: str, exclude: bytes) -> None:
    """Write these `.gitignore` files, and nothing else, into a working tree of ours."""
    made = rules.with_name(f"new-{secrets.token_hex(4)}")
    make_git_dir(made / ".git", head=snapshot.head, config=config, alternates=(), exclude=exclude)
    for path, blob in files.items():
        target = made / os.fsdecode(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.write_bytes(snapshot.depot.read(blob))
        except DepotError:
            # Outside of a sparse and partial checkout: it is not here, and neither are the files it speaks of.
            continue
    try:
        made.rename(rules)
    except OSError:
        # Another process was first.
        shutil.rmtree(made)
