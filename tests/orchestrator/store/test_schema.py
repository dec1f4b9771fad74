"""Opening databases and bringing them up to date."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from orchestrator.errors import StoreError
from orchestrator.reporting.board import Sought
from orchestrator.store.sql import schema
from orchestrator.store.sql.schema import open_engine, transaction
from orchestrator.store.sql.store import SqlStore
from orchestrator.store.sql.tables import metadata
from orchestrator.working.allowance import Allowance, Amount, Short


def test_the_migrations_make_exactly_the_tables(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    with engine.connect() as connection:
        # What SQLite makes of its index of words is its own.
        # Alembic compares no index that has an expression in it.
        ours = {
            "include_name": lambda name, kind, _: kind != "table" or not name.startswith("searched"),
            "include_object": lambda _object, name, *_: name != "ix_jobs_wanted",
        }
        made = {each["name"]: each["column_names"] for each in inspect(connection).get_indexes("jobs")}
        assert made["ix_jobs_wanted"] == ["status", "lane", "priority", "number"]
        assert compare_metadata(MigrationContext.configure(connection, opts=ours), metadata) == []
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    engine.dispose()


def test_alembic_is_not_imported_for_a_store_that_is_up_to_date(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    open_engine(url).dispose()
    code = f"import sys; from orchestrator.store.sql.schema import open_engine; open_engine({url!r}); print('alembic' in sys.modules)"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_two_processes_that_open_a_new_store_at_once_make_it_once(tmp_path: Path) -> None:
    code = (
        f"from orchestrator.store.sql.schema import open_engine; open_engine('sqlite:///{tmp_path}/store.db').dispose()"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    both = [subprocess.Popen([sys.executable, "-c", code], env=environ) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    engine = open_engine(url)
    with transaction(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreError, match="newer"):
        open_engine(url)


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"this is not a database, it is a text of some length" * 100)
    with pytest.raises(StoreError, match=r"store\.db"):
        open_engine(f"sqlite:///{tmp_path}/store.db")


def test_a_store_of_the_first_version_is_brought_up_to_date_with_what_it_holds(tmp_path: Path) -> None:
    url, folder = f"sqlite:///{tmp_path}/store.db", Path(schema.__file__).parent / "migrations"
    engine = create_engine(url)
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(folder))
        command.upgrade(config, "0001")
        connection.execute(
            text("INSERT INTO tickets VALUES ('a', 'slug', x'2f72', x'78', '{\"repository\": \"/r\"}', '{}', 1.0)")
        )
        connection.execute(
            text(
                "INSERT INTO jobs (ticket, status, why, next, seconds, usd, fence, stop_requested, updated_at)"
                " VALUES ('a', 'paused', '', '', 60.0, 1.0, 0, 0, 1.0)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO ledger (job, fence, kind, seconds, reserved_usd, usd, tokens_in, tokens_out, at)"
                " VALUES (1, 0, 'model', 0, 0.5, NULL, 0, 0, 1.0)"
            )
        )
    engine.dispose()
    store = SqlStore(url, lambda: 2.0)
    assert (store.ticket("a").order.user, store.job_of("a").tokens) == ("", None)
    lease = store.claim("me", 30.0, 1)
    assert lease is not None
    day = Allowance(user=Amount(usd=0.75, tokens=10))
    assert isinstance(store.reserve(lease, 0.25, 1, allowance=day), int)
    assert isinstance(store.reserve(lease, 0.5, 1, allowance=day), Short)
    (row,) = store.board(Sought(words="x")).rows
    assert (row.ticket, row.agent) == ("a", "repair")
    store.close()
