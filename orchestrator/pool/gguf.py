"""How long a GGUF file must be, by what its header says of its tensors (the format's specification, versions 2 and 3)."""

from __future__ import annotations

import struct
from math import prod
from pathlib import Path
from typing import BinaryIO

_MAGIC = b"GGUF"
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
_MOST = 1 << 24
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84), 11: (256, 110),
    12: (256, 144), 13: (256, 176), 14: (256, 210), 24: (1, 1), 25: (1, 2), 26: (1, 4), 28: (1, 8), 30: (1, 2),
}  # fmt: skip
"""Values in a block, and its bytes, of the types of tensors that are in use; of others only the beginning is known."""


def gguf_bytes(path: Path) -> int:
    """Return how many bytes a file has at least. Raises ValueError and `struct.error` for what is none, or ends within its header."""
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise ValueError("it is no GGUF file")
        version, tensors, pairs = _unpack(file, "<IQQ")
        if version not in (2, 3) or max(tensors, pairs) > _MOST:
            raise ValueError(f"its version {version} is not known")
        alignment = 32
        for _ in range(pairs):
            key, value = _string(file), _value(file, _unpack(file, "<I")[0])
            if key == b"general.alignment" and isinstance(value, int):
                alignment = value
        ends = [_end(file) for _ in range(tensors)]
        start = -(-file.tell() // alignment) * alignment
    return start + max(ends, default=0)


def _end(file: BinaryIO) -> int:
    """Return where a tensor ends, from the beginning of the data on."""
    _string(file)
    dimensions = _unpack(file, "<I")[0]
    if dimensions > 8:
        raise ValueError("a tensor has too many dimensions")
    sides = _unpack(file, f"<{dimensions}Q")
    kind, offset = _unpack(file, "<IQ")
    values, size = _BLOCKS.get(kind, (1, 0))
    return int(offset) + prod(sides) // values * size


def _value(file: BinaryIO, kind: int) -> int | None:
    """Read a value; return it where it is a small number."""
    if kind == _STRING:
        _string(file)
    elif kind == _ARRAY:
        inner, count = _unpack(file, "<IQ")
        if inner in _SIZES:
            file.seek(_SIZES[inner] * count, 1)
        else:
            for _ in range(min(count, _MOST)):
                _value(file, inner)
    elif kind in _SIZES:
        data = file.read(_SIZES[kind])
        return int.from_bytes(data, "little")
    else:
        raise ValueError(f"it has a value of the kind {kind}, which is not known")
    return None


def _string(file: BinaryIO) -> bytes:
    length = _unpack(file, "<Q")[0]
    if length > _MOST:
        raise ValueError("a name in it is too long")
    return file.read(length)


def _unpack(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))
