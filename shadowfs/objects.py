"""Objects as git keeps them (gitformat-loose): named, and written to a store. A process costs more than a few small ones."""

from __future__ import annotations

import hashlib
import os
import secrets
import zlib
from pathlib import Path

from shadowfs.space import needing_space

_LEVEL = 1


def name(kind: str, data: bytes, object_format: str) -> str:
    """Return the id of an object."""
    return hashlib.new(object_format, _header(kind, data) + data, usedforsecurity=False).hexdigest()


def place(store: Path, id: str) -> Path:
    """Return where an object lies in a store while it is loose."""
    return store / id[:2] / id[2:]


def write(store: Path, kind: str, data: bytes, object_format: str, *, durable: bool = False) -> str:
    """Keep an object in a store, unless it is loose there already, and return its id; one that is `durable` is on disk by then."""
    id = name(kind, data, object_format)
    target = place(store, id)
    if not target.exists():
        with needing_space(store):
            target.parent.mkdir(exist_ok=True)
            # Under a name that git removes one day where this ends before its time.
            partial = target.with_name(f"tmp_obj_{secrets.token_hex(6)}")
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
            with os.fdopen(descriptor, "wb") as file:
                file.write(zlib.compress(_header(kind, data) + data, _LEVEL))
                if durable:
                    file.flush()
                    os.fsync(descriptor)
            partial.replace(target)
    return id


def _header(kind: str, data: bytes) -> bytes:
    return b"%s %d\0" % (os.fsencode(kind), len(data))
