"""Copies of SQLite databases as they were at one moment, made without writing anything beside them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from sandbox.errors import ServiceUnavailable

_MOST_BYTES = 1 << 30
_MAGIC = b"SQLite format 3\0"
_WAL = b"\x02\x02"
"""Bytes 18 and 19 of a database whose changes go to a write-ahead log (https://sqlite.org/fileformat.html)."""


def copy_database(path: Path, target: Path) -> None:
    """Copy a database with what its log or journal holds, also while others write to it. Raises `ServiceUnavailable`."""
    import sqlite3

    try:
        header = _header(path)
        with _readable(path, header) as readable:
            how = "mode=ro&readonly_shm=1" if readable == path else "mode=rw"
            where = f"file:{quote(os.fspath(readable))}?{how}"
            with closing(sqlite3.connect(where, uri=True)) as source, closing(sqlite3.connect(target)) as copy:
                source.backup(copy)
                # With a log it could not be opened where only the file itself is there.
                copy.execute("PRAGMA journal_mode = DELETE")
                if header[18:20] == _WAL:
                    copy.execute("PRAGMA journal_mode = WAL")
    except (sqlite3.Error, OSError) as error:
        raise ServiceUnavailable(
            f"the SQLite database {path}, which [services.sqlite] of nightcrew.toml names, cannot be copied: {error}"
        ) from error


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        header = file.read(100)
        size = os.fstat(file.fileno()).st_size
    if size > _MOST_BYTES:
        raise ServiceUnavailable(f"{path} has more than {_MOST_BYTES >> 20} MB: name a smaller database for tests")
    if header and not header.startswith(_MAGIC):
        raise ServiceUnavailable(f"{path} is no SQLite database: correct [services.sqlite] in nightcrew.toml")
    return header


@contextmanager
def _readable(path: Path, header: bytes) -> Iterator[Path]:
    """Yield a path at which reading leaves no file beside the user's.

    Whoever opens a database with a log makes files for it, where nobody has it open; and a journal that a killed process
    left would be rolled back. Both are done to a copy: nobody else is there who could write meanwhile.
    """
    beside = {ending: path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-journal")}
    opened = beside["-shm"].exists() and beside["-wal"].exists()
    if opened or (header[18:20] != _WAL and not beside["-journal"].exists()):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="nightcrew-") as folder:
        for each in (path, beside["-wal"], beside["-journal"]):
            if each.exists():
                shutil.copyfile(each, Path(folder) / each.name)
        yield Path(folder) / path.name
