"""Objects as git keeps them (gitformat-loose, gitformat-pack): named, written to a store of ours, packed to be sent. A process costs more than a few small ones."""

from __future__ import annotations

import hashlib
import os
import secrets
import zlib
from collections.abc import Sequence
from pathlib import Path

from shadowfs.space import needing_space

_KINDS = {"commit": 1, "tree": 2, "blob": 3}
_LEVEL = 1


def name(kind: str, data: bytes, object_format: str) -> str:
    """Return the id of an object."""
    return hashlib.new(object_format, _header(kind, data) + data, usedforsecurity=False).hexdigest()


def place(store: Path, id: str) -> Path:
    """Return where an object lies in a store while it is loose."""
    return store / id[:2] / id[2:]


def write(store: Path, kind: str, data: bytes, object_format: str) -> str:
    """Keep an object in a store, unless it is loose there already, and return its id."""
    id = name(kind, data, object_format)
    target = place(store, id)
    if not target.exists():
        with needing_space(store):
            target.parent.mkdir(exist_ok=True)
            # Under a name that git removes one day where this ends before its time.
            partial = target.with_name(f"tmp_obj_{secrets.token_hex(6)}")
            partial.write_bytes(zlib.compress(_header(kind, data) + data, _LEVEL))
            partial.chmod(0o444)
            partial.replace(target)
    return id


def pack(objects: Sequence[tuple[str, bytes]], object_format: str) -> bytes:
    """Return a pack of objects (kind, data), each of them whole."""
    parts = [b"PACK" + (2).to_bytes(4, "big") + len(objects).to_bytes(4, "big")]
    for kind, data in objects:
        parts += (_size(_KINDS[kind], len(data)), zlib.compress(data, _LEVEL))
    whole = b"".join(parts)
    return whole + hashlib.new(object_format, whole, usedforsecurity=False).digest()


def _header(kind: str, data: bytes) -> bytes:
    return b"%s %d\0" % (os.fsencode(kind), len(data))


def _size(kind: int, size: int) -> bytes:
    """Return a kind and a size as a pack has them: four bits of the size beside the kind, then seven a byte, the low ones first."""
    found = bytearray([kind << 4 | size & 0x0F])
    size >>= 4
    while size:
        found[-1] |= 0x80
        found.append(size & 0x7F)
        size >>= 7
    return bytes(found)
