"""Which names hold secrets: files that match do not exist in any view of a snapshot."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from fnmatch import translate
from functools import lru_cache

# Everywhere, tracked or not.
_ALWAYS = (
    ".env",
    ".env.*",
    ".netrc",
    "_netrc",
    ".git-credentials",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_ed25519",
    "id_ed25519_sk",
)
_EXAMPLES = (".env.*example*", ".env.*sample*", ".env.*template*", ".env.*dist*")
# Tracked ones are test fixtures, and packages bring certificates of their own: hidden only where neither holds.
_UNTRACKED = ("*.key", "*.p12", "*.pfx", "*.kdbx", "*-key.pem")
_PACKAGES = re.compile(rb"(^|/)(site-packages|dist-packages|node_modules)/")


@lru_cache(maxsize=32)
def hiding(patterns: tuple[str, ...] = ()) -> Callable[[bytes, bool], bool]:
    """Return a function of path and tracked-or-not that says whether the file is hidden.

    `patterns` are further ones of the user's, tracked or not: of names (`*.secret`), or of paths where they have a slash
    (`deploy/*.yaml`).
    """
    always = _matcher((*_ALWAYS, *(pattern for pattern in patterns if "/" not in pattern)))
    examples = _matcher(_EXAMPLES)
    untracked = _matcher(_UNTRACKED)
    paths = _matcher(tuple(pattern.strip("/") for pattern in patterns if "/" in pattern))

    def hidden(path: bytes, tracked: bool) -> bool:
        name = path.rpartition(b"/")[2]
        if always(name):
            return not examples(name)
        return bool(paths(path) or (not tracked and untracked(name) and not _PACKAGES.search(path)))

    return hidden


def _matcher(patterns: tuple[str, ...]) -> Callable[[bytes], object]:
    # Without patterns the expression is one that matches nothing.
    joined = "|".join(f"(?:{translate(pattern)})" for pattern in patterns) or "(?!)"
    return re.compile(os.fsencode(joined)).match
