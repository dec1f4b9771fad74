"""Copies of a database, made while others write: SQLite's by its own back-up, PostgreSQL's by `pg_dump` and `pg_restore`."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import URL
from sqlalchemy.engine import make_url

from orchestrator.errors import BadConfig, StoreError
from orchestrator.store.sql.schema import open_engine


def dump_database(url: str | URL, file: Path) -> tuple[str, str]:
    """Copy a database, as it is at one moment, to `file`; return its kind and its schema. Raises `StoreError`, `BadConfig`."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            schema = str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one())
        kind = engine.dialect.name
    finally:
        engine.dispose()
    if kind == "sqlite":
        _copy(Path(str(make_url(url).database)), file)
    else:
        # A transaction of its own: what is written meanwhile is not in it.
        _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={file}")
    return kind, schema


def load_database(url: str | URL, file: Path) -> None:
    """Put a copy into a database that has nothing. Raises `BadConfig` where it has, `StoreError`."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        target = Path(str(parsed.database))
        if target.exists():
            raise BadConfig(f"{target} is there: restore into an empty state directory")
        _copy(file, target)
    else:
        _check_empty(parsed)
        _run("pg_restore", url, "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", str(file))


def _copy(source: Path, target: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"file:{_quoted(source)}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            # All of it at once: writers go on, in the log beside it.
            old.backup(new)
    except sqlite3.Error as error:
        raise StoreError(
            f"the store {source} cannot be copied ({error}): see that it is whole, and that there is room"
        ) from error


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _check_empty(parsed: URL) -> None:
    engine = sa.create_engine(parsed.set(drivername="postgresql+psycopg"))
    try:
        names = sa.inspect(engine).get_table_names()
    except sa.exc.DBAPIError as error:
        raise StoreError(
            f"the store {parsed!s} cannot be opened ({error.orig}): see that it runs, and who may enter"
        ) from error
    finally:
        engine.dispose()
    if names:
        raise BadConfig(f"the database has tables already ({names[0]}): restore into an empty one")


def _run(program: str, url: str | URL, *options: str) -> None:
    """Run one of PostgreSQL's programs; its password is in the environment, where no list of processes shows it."""
    found = shutil.which(program)
    if found is None:
        raise BadConfig(f"there is no program `{program}`: install PostgreSQL's client (Debian: postgresql-client)")
    parsed = make_url(url).set(drivername="postgresql")
    environ = dict(os.environ)
    if parsed.password is not None:
        environ["PGPASSWORD"] = str(parsed.password)
    where = parsed._replace(password=None).render_as_string(hide_password=False)
    done = subprocess.run(
        [found, f"--dbname={where}", *options], env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[:500]
        raise StoreError(
            f"`{program}` failed ({said}): it must be as new as the server, and may enter as nightcrew does"
        )
