"""Opening a database: its engine, its pragmas, and bringing its schema up to date. The one module that knows which database it is."""

from __future__ import annotations

import math
import select
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    InvalidatePoolError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, StaticPool

from orchestrator.errors import StoreAway, StoreError
from orchestrator.store.sql.tables import SCHEMA

BUSY_MS = 15_000
"""How long a writer waits for another one."""


_CONNECT_S = 10
_POOL = 20
"""How many connections of a process to a server there may be at once."""
_WRITERS = 0x6E63
"""The advisory lock of writers who exclude each other."""
_ANCHOR_S = 60.0
_IDLE_S = 0.5
"""How long a connection may be unused until it is asked whether its server still answers."""
_USED, _SYNCHRONOUS, _WRITES = "nightcrew-used", "nightcrew-synchronous", "nightcrew-writes"


def open_engine(url: str | URL) -> Engine:
    """Return an engine for `url` (`sqlite://…`, `postgresql://…`) whose schema is up to date. Raises `StoreError`.

    Who writes does so by `transaction`, or by what is made of it.
    """
    parsed = _parsed(url)
    lite = parsed.get_backend_name() == "sqlite"
    in_memory = lite and parsed.database in (None, "", ":memory:")
    if lite and not in_memory:
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = _made(parsed, in_memory)
    if lite:
        event.listen(engine, "connect", _set_up)
        # Not by the engine's event: where one of an engine's is listened to, each statement asks after all of them.
        engine.dialect.do_begin = _begin  # type: ignore[method-assign]
    else:
        event.listen(engine, "checkin", _used)
        event.listen(engine, "checkout", partial(_still_there, engine))
    try:
        _bring_up_to_date(engine)
    except (DBAPIError, OSError) as error:
        engine.dispose()
        cause = getattr(error, "orig", None) or error
        todo = (
            "free space, repair or move it, or name another state directory"
            if lite
            else "see that it runs, and who may enter"
        )
        raise StoreError(f"the store {parsed!s} cannot be opened ({cause}): {todo}") from error
    except StoreError:
        engine.dispose()
        raise
    return engine


def _parsed(url: str | URL) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(
            "the store's address is no URL: `postgresql://user@host/database`, or none for SQLite"
        ) from error
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def _made(parsed: URL, in_memory: bool) -> Engine:
    if in_memory:
        return create_engine(parsed, poolclass=StaticPool)
    if parsed.get_backend_name() == "sqlite":
        return create_engine(parsed)
    try:
        # Without an encoding the driver reads some as bytes.
        options = {"connect_timeout": _CONNECT_S, "client_encoding": "utf8"}
        return create_engine(parsed, pool_size=_POOL, connect_args=options)
    except (NoSuchModuleError, ImportError, TypeError) as error:
        raise StoreError(
            f"the store {parsed!s} cannot be opened ({error}): PostgreSQL's needs `nightcrew[postgres]`, other databases are not known"
        ) from error


@contextmanager
def answering() -> Iterator[None]:
    """Raise what goes wrong with a database (a full disk, a lock held for long, a server that is away) as `StoreAway`."""
    try:
        yield
    except (OperationalError, InterfaceError, NoneFree) as error:
        cause = " ".join(str(getattr(error, "orig", error)).split())
        raise StoreAway(
            f"the store does not answer ({cause}): free space on its disk, or wait for who locks it or has it restarted"
        ) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection to read by. Raises `StoreAway`."""
    with answering(), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection that keeps other writers out; what it wrote is on disk when the block ends. Raises `StoreAway`."""
    with answering(), transaction(engine, durable=True) as connection:
        yield connection


@contextmanager
def written_together(engine: Engine) -> Iterator[None]:
    """Have all that this thread writes in the block be one transaction, which is on disk when it ends. Raises `StoreAway`.

    What fails in it fails by itself, unless the block does; what is read meanwhile is as it was before.
    """
    with answering(), transaction(engine, durable=True, beside=True) as connection:
        _open.engine, _open.connection = engine, connection
        try:
            yield
        finally:
            _open.engine = _open.connection = None


@contextmanager
def transaction(engine: Engine, *, durable: bool = False, beside: bool = False) -> Iterator[Connection]:
    """Give a connection that writes: a part of the transaction that this thread has open (`written_together`), else one of its own.

    That one keeps other writers out, unless it is `beside` them: it leaves that to rows and fences, where it can.
    """
    if getattr(_open, "engine", None) is engine:
        with _open.connection.begin_nested():
            yield _open.connection
        return
    with engine.connect() as connection:
        lite = engine.dialect.name == "sqlite"
        if lite:
            connection.info[_WRITES] = "FULL" if durable else "NORMAL"
        with connection.begin():
            if not lite and not beside:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")
            yield connection


_open = threading.local()


def one_by_one(engine: Engine) -> Engine:
    """Return the engine for reads that begin no transaction: a server is asked once for each, and not three times."""
    return engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level="AUTOCOMMIT")


def as_one(engine: Engine) -> Engine:
    """Return the engine for reads that all come from one state of the database."""
    return engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level="REPEATABLE READ")


def clock_of(engine: Engine) -> Callable[[], float]:
    """Return the clock that all who share a database go by: this machine's for a file, the server's otherwise."""
    return time.time if engine.dialect.name == "sqlite" else _ServerClock(engine)


class _ServerClock:
    """A server's Unix time: asked for once a minute, and counted on from there. A wall clock that jumps here moves nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._anchor: tuple[float, float] | None = None

    def __call__(self) -> float:
        ticks = time.clock_gettime(time.CLOCK_BOOTTIME)
        anchor = self._anchor
        if anchor is None or ticks - anchor[1] > _ANCHOR_S:
            anchor = self._anchor = self._asked(ticks)
        return anchor[0] + ticks - anchor[1]

    def _asked(self, ticks: float) -> tuple[float, float]:
        try:
            with reading(self._engine) as connection:
                return float(connection.execute(_NOW).scalar_one()), ticks
        except StoreAway:
            # It is away: who writes next will say so.
            if self._anchor is None:
                raise
            return self._anchor


_NOW = text("SELECT extract(epoch FROM clock_timestamp())")
_ENCODING = text("SELECT current_setting('server_encoding')")
_VERSION = text("SELECT version_num FROM alembic_version")
_SEEN = text("SELECT pg_current_snapshot()::text")


class Version:
    """Tells whether a database was written to: by a connection that never writes. Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._connection: PoolProxiedConnection | None = None

    def now(self) -> object:
        """Return a value that differs from all before where something was committed since; in memory it always does."""
        if isinstance(self._engine.pool, StaticPool):
            return object()
        return self._counted() if self._engine.dialect.name == "sqlite" else self._seen()

    def _counted(self) -> object:
        with self._lock:
            if self._connection is None:
                # Without a transaction, in which the count would stand still.
                self._connection = self._engine.raw_connection()
            cursor = self._connection.cursor()
            cursor.execute("PRAGMA data_version")
            return cursor.fetchone()

    def _seen(self) -> object:
        """Return which transactions a server's reader would see."""
        with reading(self._engine) as connection:
            return connection.execute(_SEEN).scalar_one()

    def close(self) -> None:
        """Give the connection back. Safe to call twice."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own idea of when a transaction begins is turned off: `_begin` does it.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(dbapi_connection: PoolProxiedConnection) -> None:
    driver, writes = dbapi_connection.driver_connection, dbapi_connection.info.pop(_WRITES, None)
    assert isinstance(driver, sqlite3.Connection)
    if writes is not None:
        _synchronize(driver, dbapi_connection.info, writes)
    # A writer takes the lock at once: one that first reads could not wait for it later.
    driver.execute("BEGIN" if writes is None else "BEGIN IMMEDIATE")


def _synchronize(driver: sqlite3.Connection, known: dict[str, str], how: str) -> None:
    """Say how the next commit is written. FULL also makes earlier ones of this log durable; NORMAL survives a killed process, not a power cut."""
    if known.get(_SYNCHRONOUS) != how:
        driver.execute(f"PRAGMA synchronous={how}")
        known[_SYNCHRONOUS] = how


def _used(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[_USED] = time.monotonic()


def _still_there(engine: Engine, connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Have all connections made anew where one does not answer, as its server was restarted, perhaps.

    To ask costs as much as a query. So one that was used a moment ago is asked only where its server said something unasked, as one does
    that ends it.
    """
    if time.monotonic() - record.info.get(_USED, math.inf) > _IDLE_S or _spoken(connection.fileno()):
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


def _spoken(socket: int) -> bool:
    """Say whether there is something to read."""
    look = select.poll()
    look.register(socket, select.POLLIN)
    return bool(look.poll(0))


def check_version(connection: Connection) -> None:
    """Raise `StoreError` where a newer nightcrew has brought the schema further since it was opened: what is known of it here is not so any more."""
    version = str(connection.execute(_VERSION).scalar_one())
    if version > SCHEMA:
        raise StoreError(
            f"the store has schema {version} by now, made by a newer nightcrew than this one (it knows {SCHEMA}): end this process, update "
            "nightcrew and start it again; no job is lost"
        )


def _check_encoding(connection: Connection) -> None:
    """Raise `StoreError` where a server's database does not hold all text."""
    encoding = connection.execute(_ENCODING).scalar_one()
    if encoding != "UTF8":
        raise StoreError(
            f"the store's database has the encoding {encoding}, which does not hold all text: make it with "
            "`CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'`"
        )


def _bring_up_to_date(engine: Engine) -> None:
    with engine.connect() as connection:
        if _version(connection) == SCHEMA:
            return
    with transaction(engine, durable=True) as connection:
        # Another process may have migrated it while this one waited for the lock.
        version = _version(connection)
        if version is not None and version > SCHEMA:
            raise StoreError(
                f"the store has schema {version}, made by a newer nightcrew than this one (it knows {SCHEMA}): update nightcrew"
            )
        if version is None and connection.dialect.name != "sqlite":
            _check_encoding(connection)
        if version != SCHEMA:
            _migrate(connection)


def _version(connection: Connection) -> str | None:
    if not _has_versions(connection):
        return None
    value = connection.execute(_VERSION).scalar()
    return None if value is None else str(value)


def _has_versions(connection: Connection) -> bool:
    """Say whether some migration has run."""
    return connection.dialect.has_table(connection, "alembic_version")


def _migrate(connection: Connection) -> None:
    # Imported here: it is slow, and a store that is up to date never needs it.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    command.upgrade(config, "head")
