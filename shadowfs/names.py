"""Which names stand for `.git`: on any file system a change may be checked out on, not on ours alone."""

from __future__ import annotations

import re

# What HFS+ ignores inside a name, as UTF-8.
_IGNORED_BY_HFS = re.compile(b"\xe2\x80[\x8c-\x8f\xaa-\xae]|\xe2\x81[\xaa-\xaf]|\xef\xbb\xbf")
# NTFS drops trailing dots and spaces, splits streams at a colon, takes a backslash for a slash, and gives short names.
_DISGUISE = re.compile(rb"(?:.*\\)?(?:\.git|git~[0-9]+)[. ]*(?::.*)?", re.IGNORECASE | re.DOTALL)


def is_git(name: bytes) -> bool:
    """Say whether `name` is `.git`, or becomes it where case, trailing dots or invisible characters do not count."""
    plain = name if name.isascii() else _IGNORED_BY_HFS.sub(b"", name)
    return _DISGUISE.fullmatch(plain) is not None
