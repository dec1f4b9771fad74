"""Opening a database: its engine, its pragmas, and bringing its schema up to date. The one module that knows which database it is."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection, StaticPool

from orchestrator.errors import StoreError
from orchestrator.tables import SCHEMA

BUSY_MS = 15_000
"""How long a writer waits for another one."""


def open_engine(url: str | URL) -> Engine:
    """Return an engine for `url` whose schema is up to date. Raises `StoreError`."""
    parsed = make_url(url)
    lite = parsed.get_backend_name() == "sqlite"
    in_memory = lite and parsed.database in (None, "", ":memory:")
    if lite and not in_memory:
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, poolclass=StaticPool if in_memory else None)
    if lite:
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", _begin)
    try:
        _bring_up_to_date(engine)
    except (DBAPIError, OSError) as error:
        engine.dispose()
        cause = getattr(error, "orig", None) or error
        raise StoreError(
            f"the store {url} cannot be opened ({cause}): free space, repair or move it, or name another state directory"
        ) from error
    except StoreError:
        engine.dispose()
        raise
    return engine


class Version:
    """Tells whether a database was written to: by a connection that never writes. Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._counts = engine.dialect.name == "sqlite" and not isinstance(engine.pool, StaticPool)
        self._connection: PoolProxiedConnection | None = None

    def now(self) -> object:
        """Return a value that differs from all before where something was committed since; without a count it always does."""
        if not self._counts:
            return object()
        with self._lock:
            if self._connection is None:
                # Without a transaction, in which the count would stand still.
                self._connection = self._engine.raw_connection()
            cursor = self._connection.cursor()
            cursor.execute("PRAGMA data_version")
            return cursor.fetchone()

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


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    # FULL also makes earlier commits of this log durable. NORMAL survives a killed process, not a power cut.
    connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get('durable') else 'NORMAL'}")
    # A writer takes the lock at once: one that first reads could not wait for it later.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("write") else "BEGIN")


def _bring_up_to_date(engine: Engine) -> None:
    with engine.connect() as connection:
        if _version(connection) == SCHEMA:
            return
    with engine.connect().execution_options(write=True, durable=True) as connection, connection.begin():
        # Another process may have migrated it while this one waited for the lock.
        version = _version(connection)
        if version is not None and version > SCHEMA:
            raise StoreError(
                f"the store has schema {version}, made by a newer nightcrew than this one (it knows {SCHEMA}): update nightcrew"
            )
        if version != SCHEMA:
            _migrate(connection)


def _version(connection: Connection) -> str | None:
    if not _has_versions(connection):
        return None
    value = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
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
