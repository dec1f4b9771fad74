"""Templates: data made once for what it depends on, kept until it has not been used for long. Processes may share them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.scratch import Scratch

_KEPT = 8


class Templates:
    """The templates below `root`, each a directory named by its key; they are made below `scratch`, the scratch root."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self._root = root
        self._scratch = scratch

    @contextmanager
    def held(self, key: str, make: Callable[[Path], None]) -> Iterator[Path]:
        """Hold a template while it is copied; one that is not there is made: `make` fills an empty directory."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._root / key
        with self._locked(key, fcntl.LOCK_SH) as lock:
            if not path.is_dir():
                # Whoever gets the lock next finds what the first one made.
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not path.is_dir():
                    self._made(path, make)
                    self._forget(key)
                fcntl.flock(lock, fcntl.LOCK_SH)
            os.utime(path)
            yield path

    def _made(self, path: Path, make: Callable[[Path], None]) -> None:
        scratch = Scratch(self._scratch)
        try:
            folder = scratch.path / "template"
            folder.mkdir(mode=0o700)
            make(folder)
            folder.rename(path)
        finally:
            scratch.remove()

    @contextmanager
    def _locked(self, key: str, how: int) -> Iterator[int]:
        descriptor = os.open(self._root / f"{key}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, how)
            yield descriptor
        finally:
            os.close(descriptor)

    def _forget(self, made: str) -> None:
        """Remove what was used least lately, unless somebody holds it."""
        used: dict[Path, float] = {}
        for path in self._root.iterdir():
            # Another process may forget it meanwhile.
            with suppress(FileNotFoundError):
                if path.is_dir():
                    used[path] = path.stat().st_mtime
        scratch = Scratch(self._scratch)
        try:
            for path in sorted(used, key=used.__getitem__)[:-_KEPT]:
                if path.name != made:
                    with (
                        suppress(BlockingIOError, FileNotFoundError),
                        self._locked(path.name, fcntl.LOCK_EX | fcntl.LOCK_NB),
                    ):
                        # At once: of what is removed file by file, a killed process would leave a half to be found.
                        path.rename(scratch.path / path.name)
        finally:
            scratch.remove()
