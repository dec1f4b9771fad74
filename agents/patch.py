"""An edit of one file as a unified diff that `git apply` and `patch -p1` take, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import diff_bytes, unified_diff

from shadowfs import RepoPath

_NO_NEWLINE = b"\n\\ No newline at end of file\n"
_ODD = re.compile(rb'[\x00-\x1f"\\\x7f-\xff]')


def patch(path: RepoPath, before: bytes, after: bytes) -> bytes:
    """Return the unified diff of a file's bytes, lines parted at line feeds alone."""
    old, new = (_quoted(side + path.encode("utf-8", "surrogateescape")) for side in (b"a/", b"b/"))
    found = diff_bytes(unified_diff, list(_lines(before)), list(_lines(after)), old, new)
    return b"".join(line if line.endswith(b"\n") else line + _NO_NEWLINE for line in found)


def _lines(data: bytes) -> Iterator[bytes]:
    parts = data.split(b"\n")
    yield from (part + b"\n" for part in parts[:-1])
    if parts[-1]:
        yield parts[-1]


def _quoted(name: bytes) -> bytes:
    """Return a name as git writes it: in quotes where it holds what would end it or hide."""
    if not _ODD.search(name):
        return name
    return b'"' + _ODD.sub(lambda found: b"\\%03o" % found[0][0], name) + b'"'
