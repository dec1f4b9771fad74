"""The index file: chunks and their words in SQLite, keyed by blob id; commits by commit id. Knows no paths of trees."""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from agents.index.chunks import Worded
from agents.index.errors import IndexUnusable
from shadowfs import PastCommit

_VERSION = 1
_BUSY_S = 60.0
_BATCH = 500
_KEPT_DAYS = 30
_SCHEMA = """
CREATE TABLE made (by TEXT NOT NULL);
CREATE TABLE blob (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, day INTEGER NOT NULL, out TEXT NOT NULL);
CREATE INDEX blob_day ON blob (day);
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY, blob INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, name TEXT NOT NULL
);
CREATE INDEX chunk_blob ON chunk (blob);
CREATE VIRTUAL TABLE words USING fts5(names, body, tokenize="unicode61 remove_diacritics 0 tokenchars '_'");
CREATE TABLE past (id TEXT PRIMARY KEY, subject TEXT NOT NULL, paths TEXT NOT NULL) WITHOUT ROWID;
"""


class Store:
    """One connection to an index file. Several processes may hold one each; a killed writer loses its last batch."""

    def __init__(self, path: Path, maker: str, now: Callable[[], float]) -> None:
        """Open the file, made where there is none, and made anew where it is damaged or another `maker` made it."""
        with unusable(path, OSError):
            self._db = _opened(path, f"{_VERSION}:{maker}")
        self._db.execute("CREATE TEMP TABLE view (blob INTEGER PRIMARY KEY, weight REAL NOT NULL)")
        self._today = int(now() // 86_400)

    def close(self) -> None:
        """Close the connection. Safe to call twice."""
        self._db.close()

    def known(self, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Return id, and why it was left out, of those blobs that the file holds, and note that they are still in use."""
        found: dict[str, tuple[int, str]] = {}
        old: list[int] = []
        for batch in _batches(keys):
            marks = ",".join("?" * len(batch))
            for id, key, day, out in self._db.execute(
                f"SELECT id, key, day, out FROM blob WHERE key IN ({marks})", batch
            ):
                found[key] = id, out
                if day != self._today:
                    old.append(id)
        if old:
            with self._transaction("BEGIN IMMEDIATE"):
                self._db.executemany("UPDATE blob SET day = ? WHERE id = ?", ((self._today, id) for id in old))
        return found

    def add(self, blobs: Mapping[str, Iterable[Worded] | str]) -> None:
        """Keep blobs' chunks, or why they are left out, in one transaction; what another process added first stays as it is."""
        with self._transaction("BEGIN IMMEDIATE"):
            for key, chunks in blobs.items():
                out = chunks if isinstance(chunks, str) else ""
                row = (key, self._today, out)
                done = self._db.execute("INSERT OR IGNORE INTO blob (key, day, out) VALUES (?, ?, ?)", row)
                if done.rowcount and not isinstance(chunks, str):
                    self._add_chunks(int(done.lastrowid or 0), chunks)

    def view(self, added: Iterable[tuple[int, float]], removed: Iterable[int]) -> None:
        """Change which blobs this connection's searches see, and what their scores are multiplied by."""
        # No lock for others: what is written is this connection's alone.
        with self._transaction("BEGIN"):
            self._db.executemany("DELETE FROM temp.view WHERE blob = ?", ((id,) for id in removed))
            self._db.executemany("INSERT OR REPLACE INTO temp.view VALUES (?, ?)", added)

    def match(self, words: Iterable[str], most: int, names: float) -> Iterator[tuple[int, int, float]]:
        """Yield chunk, blob and BM25 (higher is better) of the best chunks in view that have any of the words.

        A word among a chunk's names weighs `names` times one in its body.
        """
        asked = " OR ".join(f'"{word}"' for word in words)
        if asked:
            yield from self._db.execute(
                "SELECT chunk.id, chunk.blob, -bm25(words, ?, 1.0) * view.weight AS score FROM words JOIN chunk ON chunk.id = words.rowid"
                " JOIN temp.view ON view.blob = chunk.blob WHERE words MATCH ? ORDER BY score DESC LIMIT ?",
                (names, asked, most),
            )

    def chunks(self, blob: int) -> list[tuple[int, int, int, str]]:
        """Return id, first line, last line and name of a blob's chunks."""
        return list(self._db.execute("SELECT id, first, last, name FROM chunk WHERE blob = ? ORDER BY first", (blob,)))

    def words(self, chunk: int) -> tuple[frozenset[str], frozenset[str]]:
        """Return the words of a chunk's names and of its body."""
        row = self._db.execute("SELECT names, body FROM words WHERE rowid = ?", (chunk,)).fetchone() or ("", "")
        return frozenset(row[0].split()), frozenset(row[1].split())

    def past(self, ids: Sequence[str]) -> dict[str, PastCommit]:
        """Return those of the commits that the file holds."""
        found = {}
        for batch in _batches(ids):
            marks = ",".join("?" * len(batch))
            for id, subject, paths in self._db.execute(f"SELECT * FROM past WHERE id IN ({marks})", batch):
                found[id] = PastCommit(id, json.loads(subject), tuple(json.loads(paths)))
        return found

    def add_past(self, commits: Iterable[PastCommit]) -> None:
        """Keep commits."""
        # As JSON, since paths and subjects need not be Unicode.
        rows = ((each.id, json.dumps(each.subject), json.dumps(each.paths)) for each in commits)
        with self._transaction("BEGIN IMMEDIATE"):
            self._db.executemany("INSERT OR IGNORE INTO past VALUES (?, ?, ?)", rows)

    def drop_old(self) -> int:
        """Drop the blobs that no update saw for a month and return how many; at most one batch, so that nobody waits long."""
        sought = "SELECT id FROM blob WHERE day < ? LIMIT ?"
        old = list(self._db.execute(sought, (self._today - _KEPT_DAYS, _BATCH)))
        if old:
            with self._transaction("BEGIN IMMEDIATE"):
                self._db.executemany("DELETE FROM words WHERE rowid IN (SELECT id FROM chunk WHERE blob = ?)", old)
                self._db.executemany("DELETE FROM chunk WHERE blob = ?", old)
                self._db.executemany("DELETE FROM blob WHERE id = ?", old)
        return len(old)

    def _add_chunks(self, blob: int, chunks: Iterable[Worded]) -> None:
        for worded in chunks:
            chunk = worded.chunk
            name = ".".join(filter(None, (chunk.within, *chunk.names[:1])))[:200]
            row = (blob, chunk.first, chunk.last, name)
            id = self._db.execute("INSERT INTO chunk (blob, first, last, name) VALUES (?, ?, ?, ?)", row).lastrowid
            said = (id, worded.names, worded.body)
            self._db.execute("INSERT INTO words (rowid, names, body) VALUES (?, ?, ?)", said)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self._db.execute(begin)
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _opened(path: Path, maker: str) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _made_by(path, maker):
            # Who has the old file open goes on with it: its ids mean nothing in the new one.
            for end in ("", "-wal", "-shm"):
                Path(f"{path}{end}").unlink(missing_ok=True)
            with closing(_connected(path)) as db:
                db.executescript(_SCHEMA)
                # Last: a file whose maker was killed before this is made anew.
                db.execute("INSERT INTO made VALUES (?)", (maker,))
        return _connected(path)


def _made_by(path: Path, maker: str) -> bool:
    try:
        with closing(_connected(path)) as db:
            return list(db.execute("SELECT by FROM made")) == [(maker,)]
    except sqlite3.DatabaseError as error:
        # New or cut off while it was made, damaged, or no database; a locked file or a full disk is something else.
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR and not _damaged(error):
            raise
        return False


@contextmanager
def unusable(path: Path, *errors: type[Exception]) -> Iterator[None]:
    """Raise `IndexUnusable` for what SQLite raises, and for `errors`."""
    raised: tuple[type[Exception], ...] = (sqlite3.Error, *errors)
    try:
        yield
    except raised as error:
        hint = "free room there, or remove it, and try again"
        if _damaged(error):
            path.unlink(missing_ok=True)
            hint = "it is removed, and made anew when it is opened again"
        raise IndexUnusable(f"the code index {path}: {error}; {hint}") from error


def _damaged(error: Exception) -> bool:
    # The low byte is the kind; what is above it says where.
    code = error.sqlite_errorcode & 0xFF if isinstance(error, sqlite3.DatabaseError) else None
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # What a power cut takes is read again: it is all in git.
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA temp_store = MEMORY")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _batches(items: Sequence[str]) -> Iterator[Sequence[str]]:
    return (items[at : at + _BATCH] for at in range(0, len(items), _BATCH))
