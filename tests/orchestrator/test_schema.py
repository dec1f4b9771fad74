"""Opening databases and bringing them up to date."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from orchestrator.errors import StoreError
from orchestrator.schema import open_engine
from orchestrator.tables import metadata


def test_the_migrations_make_exactly_the_tables(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    engine.dispose()


def test_alembic_is_not_imported_for_a_store_that_is_up_to_date(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    open_engine(url).dispose()
    code = f"import sys; from orchestrator.schema import open_engine; open_engine({url!r}); print('alembic' in sys.modules)"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_two_processes_that_open_a_new_store_at_once_make_it_once(tmp_path: Path) -> None:
    code = f"from orchestrator.schema import open_engine; open_engine('sqlite:///{tmp_path}/store.db').dispose()"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    both = [subprocess.Popen([sys.executable, "-c", code], env=environ) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    engine = open_engine(url)
    with engine.execution_options(write=True).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreError, match="newer"):
        open_engine(url)


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"this is not a database, it is a text of some length" * 100)
    with pytest.raises(StoreError, match=r"store\.db"):
        open_engine(f"sqlite:///{tmp_path}/store.db")
