"""Copies of SQLite databases: whole, whatever lies beside them, and without a trace there."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sandbox import Branches, Command, Services, ServiceUnavailable, Source, copy_database
from tests.sandbox.cases import needs_local
from tests.sandbox.services.data import nothing, sandboxed


def made(path: Path, mode: str = "DELETE") -> sqlite3.Connection:
    """Make a database of one row, and return the connection."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("CREATE TABLE people (name TEXT)")
    connection.execute("INSERT INTO people VALUES ('ann')")
    return connection


def names(path: Path) -> list[str]:
    """Return the rows of a database."""
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM people ORDER BY name")]


def beside(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return what lies in a directory."""
    return {each.name: (each.stat().st_mtime_ns, each.read_bytes()) for each in folder.iterdir()}


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_copy_has_what_was_committed_while_somebody_writes(tmp_path: Path, mode: str) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    with closing(made(folder / "app.db", mode)) as writer:
        if mode == "WAL":
            writer.execute("BEGIN")
            writer.execute("INSERT INTO people VALUES ('uncommitted')")
        before = beside(folder)
        copy_database(folder / "app.db", tmp_path / "copy.db")
        assert beside(folder) == before
    assert names(tmp_path / "copy.db") == ["ann"]
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("PRAGMA journal_mode").fetchone() == (mode.lower(),)


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_database_that_nobody_has_open_is_copied_without_a_file_beside_it(tmp_path: Path, mode: str) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    made(folder / "app.db", mode).close()
    before = beside(folder)
    copy_database(folder / "app.db", tmp_path / "copy.db")
    assert (beside(folder), names(tmp_path / "copy.db")) == (before, ["ann"])
    assert sorted(beside(folder)) == ["app.db"]


@pytest.mark.parametrize("endings", [("", "-wal"), ("", "-wal", "-shm")])
def test_a_log_that_a_killed_process_left_is_in_the_copy(tmp_path: Path, endings: tuple[str, ...]) -> None:
    left = tmp_path / "left"
    left.mkdir()
    with closing(made(tmp_path / "app.db", "WAL")):
        for ending in endings:
            shutil.copyfile(tmp_path / f"app.db{ending}", left / f"app.db{ending}")
    before = beside(left)
    copy_database(left / "app.db", tmp_path / "copy.db")
    assert (beside(left), names(tmp_path / "copy.db")) == (before, ["ann"])
    assert sorted(beside(left)) == sorted(f"app.db{ending}" for ending in endings)


def test_an_index_without_its_log_is_left_as_it_is(tmp_path: Path) -> None:
    left = tmp_path / "left"
    left.mkdir()
    made(left / "app.db", "WAL").close()
    (left / "app.db-shm").write_bytes(b"\0" * 32_768)
    before = beside(left)
    copy_database(left / "app.db", tmp_path / "copy.db")
    assert (beside(left), names(tmp_path / "copy.db")) == (before, ["ann"])


@pytest.mark.parametrize(("data", "said"), [(b"no database", "is no SQLite database"), (None, "cannot be copied")])
def test_what_is_no_database_is_named(tmp_path: Path, data: bytes | None, said: str) -> None:
    if data is not None:
        (tmp_path / "app.db").write_bytes(data)
    with pytest.raises(ServiceUnavailable, match=said):
        copy_database(tmp_path / "app.db", tmp_path / "copy.db")


@needs_local
def test_a_sandbox_writes_to_its_copy_where_a_variable_says(tmp_path: Path) -> None:
    made(tmp_path / "app.db", "WAL").close()
    services = Services(sqlite={"app": tmp_path / "app.db"}, environment={"DATABASE_URL": "sqlite:///{sqlite.app}"})
    branches = Branches(tmp_path / "templates", tmp_path / "scratch")
    code = "import os, sqlite3; c = sqlite3.connect(os.environ['DATABASE_URL'][10:]); c.execute('DELETE FROM people'); c.commit()"
    with (
        branches.open(services, Source(), nothing, {"app": tmp_path / "app.db"}) as served,
        sandboxed(tmp_path, served) as sandbox,
    ):
        done = sandbox.run(Command(("/usr/bin/python3", "-c", code)))
        assert done.ok, done.stderr
        (folder,) = served.writable
        assert (names(folder / "app.db"), names(tmp_path / "app.db")) == ([], ["ann"])
    assert not list(tmp_path.glob("scratch/*"))
