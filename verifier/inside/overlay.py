"""Import edited source from memory: the file on the disk stays as it is, and no byte code is read or written."""

from __future__ import annotations

import importlib.machinery
import os
import sys
from types import CodeType
from typing import Any


class Loader(importlib.machinery.SourceFileLoader):
    """Loads one module from the bytes it is given."""

    def __init__(self, name: str, path: str, source: bytes) -> None:
        super().__init__(name, path)
        self._source = source

    def get_data(self, path: str) -> bytes:
        """Return the edited source for its path; other files (package data) as they are."""
        return self._source if path == self.path else super().get_data(path)

    def get_code(self, fullname: str) -> CodeType | None:
        """Compile the edited source."""
        del fullname
        return self.source_to_code(self._source, self.path)


class Finder:
    """Asks the other finders, and takes over the modules whose source is edited."""

    def __init__(self, sources: dict[str, bytes]) -> None:
        self._sources = sources

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return the spec of a module that is edited, None for all others."""
        for finder in sys.meta_path:
            # pytest's finder has been asked before and declined: it would ask us again.
            if finder is self or type(finder).__module__.startswith("_pytest."):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is None:
                continue
            source = self._sources.get(os.path.realpath(spec.origin)) if spec.origin else None
            if source is None:
                return None
            spec.loader = Loader(name, str(spec.origin), source)
            spec.cached = None
            return spec
        return None


def install(sources: dict[str, bytes]) -> None:
    """Import the files in `sources` (absolute real path to content) from there from now on."""
    sys.meta_path.insert(0, Finder(sources))
