"""Trees and blobs in memory, with git's own ids."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping


class Blobs:
    """Contents in memory; remembers what was read."""

    def __init__(self) -> None:
        self.there: dict[str, bytes] = {}
        self.read_ids: list[str] = []

    def tree(self, files: Mapping[str, str | bytes]) -> dict[str, str]:
        """Keep files and return their tree."""
        return {path: self.keep(data.encode() if isinstance(data, str) else data) for path, data in files.items()}

    def keep(self, data: bytes) -> str:
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        self.there[blob] = data
        return blob

    def sizes(self, blobs: Iterable[str]) -> dict[str, int]:
        return {blob: len(self.there[blob]) for blob in blobs if blob in self.there}

    def read(self, blob: str) -> bytes:
        self.read_ids.append(blob)
        return self.there[blob]
