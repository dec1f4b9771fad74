"""Which files made in a shadow stay out of its change: by the rules of the pinned base and of the user, never by rules the agent wrote."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from shadowfs import git
from shadowfs.change import RepoPath
from shadowfs.errors import DepotError
from shadowfs.gitdir import make_git_dir
from shadowfs.names import is_git
from shadowfs.pintable import PinTable
from shadowfs.secrets import hiding
from shadowfs.snapshot import Snapshot


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
    rules = snapshot.pin.parent / "rules"
    if not rules.is_dir():
        _make_rules(snapshot, rules)
    args = ["check-ignore", "-z", "--stdin", "--no-index"]
    # This command alone takes no literal paths: with a dot in front none starts like a pattern. It exits with 1 when
    # none of them is ignored.
    asked = b"".join(b"./%s\0" % path for path in paths)
    literal = {"GIT_LITERAL_PATHSPECS": "0"}
    out = git.run(args, git_dir=rules / ".git", work_tree=rules, input=asked, extra=literal, fine=(0, 1))
    return {os.fsdecode(path[2:]) for path in out.split(b"\0")[:-1]}


def _make_rules(snapshot: Snapshot, rules: Path) -> None:
    """Write the pinned `.gitignore` files, and nothing else, into a working tree of ours."""
    partial = rules.with_name(f"rules.{secrets.token_hex(4)}")
    exclude = (snapshot.pin.parent / "exclude").read_bytes()
    config = (snapshot.pin.parent / "config").read_text()
    make_git_dir(partial / ".git", head=snapshot.head, config=config, alternates=(), exclude=exclude)
    for path, file in PinTable.load(snapshot.pin):
        if path.rpartition(b"/")[2] == b".gitignore" and file.mode != 0o120000:
            target = partial / os.fsdecode(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                target.write_bytes(snapshot.depot.read(file.blob))
            except DepotError:
                # Outside of a sparse and partial checkout: it is not here, and neither are the files it speaks of.
                continue
    try:
        partial.rename(rules)
    except OSError:
        # Another process was first.
        shutil.rmtree(partial)
