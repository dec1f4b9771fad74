"""Objects of a git directory, read one after another from a `git cat-file --batch` that is kept."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shadowfs import kept
from shadowfs.errors import DepotError

_WORDS = ("cat-file", "--batch")
_LASTING = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})(?:\^\{\w+\})?")
"""What names the same for ever."""
_SMALL_BYTES = 1 << 14


@dataclass(frozen=True, slots=True)
class CatFile:
    """Reads objects of one git directory. Threads may share it; a forked child has a process of its own."""

    git_dir: Path

    def read(self, name: str) -> tuple[str, bytes]:
        """Return the type and bytes of an object; raise `DepotError` when it is not there."""
        answer = self._ask(name)
        if answer is None:
            raise DepotError(f"object {name} is not in {self.git_dir}")
        return answer[1:]

    def identify(self, name: str) -> str | None:
        """Return the id of the object that `name` (an id, a ref, a revision) names, None when it is not there."""
        answer = self._ask(name)
        return answer and answer[0]

    def _ask(self, name: str) -> tuple[str, str, bytes] | None:
        if "\n" in name:
            raise DepotError(f"no object is named {name!r}")

        def answer(said: IO[bytes]) -> tuple[str, str, bytes] | None:
            line = said.readline()
            if not line.endswith(b"\n"):
                raise EOFError
            header = line.decode(errors="replace").rstrip("\n")
            id, _, rest = header.partition(" ")
            kind, _, size = rest.partition(" ")
            # A name that is not there is echoed, so the words alone do not tell: an id is never followed by this.
            if header == f"{name} missing" or not size.isdigit():
                return None
            data = said.read(int(size) + 1)
            if len(data) <= int(size):
                raise EOFError
            return id, kind, data[:-1]

        def lasts(found: tuple[str, str, bytes] | None) -> bool:
            return found is not None and len(found[2]) <= _SMALL_BYTES and _LASTING.fullmatch(name) is not None

        return kept.ask(kept.Called(_WORDS, self.git_dir), os.fsencode(name) + b"\n", answer, lasts)
