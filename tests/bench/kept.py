"""Rows of a benchmark that takes an hour, kept as they come: a run that was cut short goes on where it stopped, if the code is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of rows that `code`, a hash of the source, has made. Several processes may add to it."""

    file: Path
    code: str

    @classmethod
    def of(cls, file: Path, *folders: str) -> Kept:
        """Keep in `file` what the source in some folders makes."""
        found = hashlib.sha256()
        for folder in folders:
            for path in sorted((ROOT / folder).rglob("*.py")):
                found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
        return cls(file, found.hexdigest()[:16])

    def rows(self, what: str) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of `what`, in their order."""
        for line in self.file.read_text("utf-8").splitlines() if self.file.exists() else ():
            said = json.loads(line)
            if said["code"] == self.code and said["what"] == what:
                yield said["row"]

    def add(self, what: str, row: Mapping[str, Any]) -> None:
        """Append a row."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"code": self.code, "what": what, "row": row}) + "\n")

    def done(self) -> None:
        """Forget all rows: the next run measures anew."""
        self.file.unlink(missing_ok=True)
