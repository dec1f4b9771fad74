"""Eviction: the depots of a machine are a cache where a hub has all of them; those not used for longest go once they take too much."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shadowfs import git, kept
from shadowfs.home import remove_tree

_SETTLED_S = 600.0
"""What was used within this time may be being read."""
_USED = "used"
_GONE = ".gone-"
_MINE = ("refs/nightcrew/shelf/",)
"""What no hub has."""


@contextmanager
def held(state: Path, *, alone: bool = False) -> Iterator[None]:
    """Have no depot be evicted for as long as the `with` block lasts, or be `alone` with all of them."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (state / "depots.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


def use(depot: Path) -> None:
    """Note that a depot is used now."""
    with suppress(FileNotFoundError):
        (depot / _USED).touch()


def evict(state: Path, limit_bytes: int, in_use: Collection[str]) -> list[str]:
    """Take depots, and their pins, out of their places until the others take `limit_bytes` at most; return their names.

    Those named `in_use` stay, those on which there are shadows or that were used a moment ago, and those that hold what no hub has.
    `remove_evicted` removes what was taken out, which takes long and needs no lock.
    """
    found = {path: _bytes(path) for path in (state / "depots").glob("[!.]*.git")}
    total = sum(found.values())
    gone = []
    for path in sorted(found, key=_used_at):
        if total <= limit_bytes:
            break
        if path.name in in_use or time.time() - _used_at(path) < _SETTLED_S or _holds_its_own(path):
            continue
        if path in _lent(state):
            continue
        # A depot without its pins has them brought again; pins without their depot are of no use.
        _forget_pins(state, path)
        # Out of its place in one step, so that nobody takes a part for the whole.
        path.rename(path.with_name(f"{_GONE}{secrets.token_hex(4)}"))
        total -= found[path]
        gone.append(path.name)
    return gone


def remove_evicted(state: Path) -> None:
    """Remove what was evicted, by whomever: one who was killed left it."""
    for rest in (state / "depots").glob(f"{_GONE}*"):
        remove_tree(rest)
    kept.end_gone()


def _used_at(depot: Path) -> float:
    marker = depot / _USED
    return (marker if marker.exists() else depot).stat().st_mtime


def _bytes(path: Path) -> int:
    blocks = 0
    for folder, _, names in os.walk(path):
        for name in names:
            # git writes meanwhile: what had a name of its own while it was written has another one.
            with suppress(FileNotFoundError):
                blocks += (Path(folder) / name).lstat().st_blocks
    return blocks * 512


def _holds_its_own(depot: Path) -> bool:
    """Say whether a depot keeps what the hub has not: jobs of before there was one, shelved shadows."""
    out = git.run(["for-each-ref", "--format=%(refname)", "refs/nightcrew/"], git_dir=depot)
    names = out.decode().split()
    sent = {name.removeprefix("refs/nightcrew/hub/") for name in names if name.startswith("refs/nightcrew/hub/")}
    jobs = {name.split("/")[3] for name in names if name.startswith("refs/nightcrew/jobs/")}
    return any(name.startswith(_MINE) for name in names) or not jobs <= sent


def _lent(state: Path) -> set[Path]:
    """Return the depots whose objects the shadows here read."""
    lent: set[Path] = set()
    for store in (state / "shadows").glob("*/git/objects/info/alternates"):
        with suppress(FileNotFoundError):
            lent |= {Path(line).parent for line in store.read_text().splitlines()}
    return lent


def _forget_pins(state: Path, depot: Path) -> None:
    for record in (state / "pins").glob("*/snapshot.json"):
        if Path(json.loads(record.read_bytes())["depot"]) == depot:
            remove_tree(record.parent)
