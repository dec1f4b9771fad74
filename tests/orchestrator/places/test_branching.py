"""Branches for places: each place its own data, of its own tree, and what happens where a tree's data cannot be made."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import shadowfs
from orchestrator.configuration.repositoryconfig import PostgresTable, RedisTable, ServicesTable
from orchestrator.errors import BadConfig
from orchestrator.places.place import Place, Places
from sandbox import (
    Branches,
    Command,
    LocalDriver,
    NoneDriver,
    Policy,
    RedisService,
    Root,
    SandboxUnavailable,
    Services,
    ServiceUnavailable,
    service_lack,
)
from shadowfs import CopyDriver, Snapshot
from tests.orchestrator import project
from tests.sandbox.cases import needs_local

needs_redis = pytest.mark.skipif(bool(service_lack("redis")), reason="Redis is missing")
CLIENT = "redis-cli -e -s /run/services/redis/redis.sock"


@contextmanager
def places(state: Path, services: Services) -> Iterator[Places]:
    """Return places with services."""
    driver, scratch = CopyDriver(state), state / "sandboxes"
    settings = project.settings(state, services=services)
    yield Places((driver,), {"local": LocalDriver(scratch)}, settings, branches=Branches(state / "services", scratch))
    driver.close()


def said(place: Place, script: str) -> str:
    """Return what a shell's script says in a place."""
    done = place.sandbox.run(Command(("sh", "-c", script)))
    return (done.stdout + done.stderr).decode().strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository whose set-up puts a committed file into Redis, and one with an ignored database."""
    repository = project.make(tmp_path)
    (repository / "greeting").write_text("hello")
    with closing(sqlite3.connect(repository / "build/app.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE people (name TEXT)")
        connection.commit()
    project.git(repository, "add", "greeting")
    project.git(repository, "commit", "--quiet", "--message=greeting")
    return repository


def changed(snapshot: Snapshot, driver_state: Path, text: str, path: str = "greeting") -> str:
    """Return a tree with another greeting."""
    driver = CopyDriver(driver_state)
    with closing(driver), driver.create(snapshot) as shadow:
        shadow.write(path, text.encode())
        return shadow.checkpoint()


SETUP = Services(
    redis=RedisService(), setup=f'test -s greeting; {CLIENT} set greeting "$(cat greeting)"', files=("greeting",)
)


@needs_local
@needs_redis
def test_places_and_forks_have_data_of_their_own_made_for_their_tree(tmp_path: Path, repository: Path) -> None:
    state = tmp_path / "state"
    snapshot = shadowfs.pin(repository, state, environ={})
    other = changed(snapshot, state, "goodbye")
    with places(state, SETUP) as there, there.open(snapshot, snapshot.tree) as place:
        assert said(place, f"{CLIENT} get greeting") == "hello"
        assert said(place, f"{CLIENT} set mine 1; echo $REDIS_URL") == "OK\nunix:///run/services/redis/redis.sock"
        with there.fork(place) as fork, there.open(snapshot, other) as after:
            assert said(fork, f"{CLIENT} get greeting; {CLIENT} exists mine") == "hello\n0"
            assert said(after, f"{CLIENT} get greeting; {CLIENT} exists mine") == "goodbye\n0"
        with there.bare(snapshot, snapshot.tree) as bare:
            assert "No such file" in said(bare, f"{CLIENT} ping")
        assert there.without == ()
    assert not list((state / "sandboxes").iterdir())


@needs_local
@needs_redis
def test_what_one_tree_s_set_up_does_is_in_no_other_s_data(tmp_path: Path, repository: Path) -> None:
    (repository / "setup.sh").write_text(f'{CLIENT} set greeting "$(cat greeting)"')
    project.git(repository, "add", "setup.sh")
    project.git(repository, "commit", "--quiet", "--message=set-up")
    state = tmp_path / "state"
    snapshot = shadowfs.pin(repository, state, environ={})
    forging = f"{CLIENT} set greeting forged"
    services = Services(redis=RedisService(), setup="sh setup.sh", files=("greeting",))
    forged = changed(snapshot, state, forging, "setup.sh")
    with places(state, services) as there, there.open(snapshot, forged) as place:
        assert said(place, f"{CLIENT} get greeting") == "hello"
    driver = CopyDriver(state)
    with closing(driver), driver.create(snapshot, forged) as shadow:
        shadow.write("greeting", b"goodbye")
        both = shadow.checkpoint()
    with places(state, services) as there:
        for tree, greeting in ((both, "forged"), (changed(snapshot, state, "goodbye"), "goodbye")):
            with there.open(snapshot, tree) as place:
                assert said(place, f"{CLIENT} get greeting") == greeting


@needs_local
@needs_redis
def test_a_changed_tree_whose_set_up_fails_is_served_nothing_and_says_so(tmp_path: Path, repository: Path) -> None:
    state = tmp_path / "state"
    snapshot = shadowfs.pin(repository, state, environ={})
    broken = changed(snapshot, state, "")
    with places(state, SETUP) as there:
        with there.open(snapshot, broken) as place:
            assert "No such file" in said(place, f"{CLIENT} ping")
        (why,) = there.without
        assert why.startswith("services: `setup` of [services] in nightcrew.toml fails, exit status 1")


@needs_local
@needs_redis
def test_a_set_up_that_fails_on_the_pinned_tree_ends_the_job_with_what_it_said(
    tmp_path: Path, repository: Path
) -> None:
    state = tmp_path / "state"
    snapshot = shadowfs.pin(repository, state, environ={})
    services = Services(redis=RedisService(), setup="echo no such table >&2; exit 3")
    with (
        places(state, services) as there,
        pytest.raises(ServiceUnavailable, match="exit status 3: no such table; correct it"),
        there.open(snapshot, changed(snapshot, state, "goodbye")),
    ):
        pass


@needs_local
def test_an_ignored_database_is_a_copy_of_each_place_and_no_part_of_the_change(
    tmp_path: Path, repository: Path
) -> None:
    state = tmp_path / "state"
    services = Services(sqlite={"app": Path("build/app.db")}, environment={"DATABASE": "{sqlite.app}"})
    adding = "import os, sqlite3; c = sqlite3.connect(os.environ['DATABASE']); c.execute(\"INSERT INTO people VALUES ('x')\"); c.commit()"
    counting = "import os, sqlite3; print(sqlite3.connect(os.environ['DATABASE']).execute('SELECT count(*) FROM people').fetchone()[0])"
    with closing(sqlite3.connect(repository / "build/app.db", isolation_level=None)) as user:
        user.execute("INSERT INTO people VALUES ('in the log')")
        snapshot = shadowfs.pin(repository, state, environ={})
        with places(state, services) as there, there.open(snapshot, snapshot.tree) as place:
            assert place.sandbox.run(Command((sys.executable, "-c", adding))).ok
            with there.fork(place) as fork:
                for each, count in ((place, b"2\n"), (fork, b"1\n")):
                    assert each.sandbox.run(Command((sys.executable, "-c", counting))).stdout == count
            assert not place.shadow.change()
        assert user.execute("SELECT count(*) FROM people").fetchone() == (1,)


@needs_local
def test_a_database_that_is_hidden_is_copied_to_nobody(tmp_path: Path, repository: Path) -> None:
    state = tmp_path / "state"
    (repository / "build/app.db").rename(repository / "build/app.key")
    (repository / "build/link.db").symlink_to("app.key")
    snapshot = shadowfs.pin(repository, state, environ={})
    for name in ("app.key", "link.db"):
        services = Services(sqlite={"app": Path("build") / name})
        with (
            places(state, services) as there,
            pytest.raises(ServiceUnavailable, match="is hidden as a secret"),
            there.open(snapshot, snapshot.tree),
        ):
            pass


def test_without_a_sandbox_nothing_leads_to_servers(tmp_path: Path) -> None:
    policy = Policy(sockets={Path("/run/services/redis/redis.sock"): tmp_path / "redis.sock"})
    with pytest.raises(SandboxUnavailable, match="--sandbox local"):
        NoneDriver(tmp_path).open(Root(tmp_path, tmp_path), policy)


def test_a_table_becomes_services_and_databases_outside_need_the_users_leave(tmp_path: Path) -> None:
    repository, home, data = tmp_path / "repository", tmp_path / "home", tmp_path / "home/data"
    for each in (repository, data):
        each.mkdir(parents=True)
    table = ServicesTable(
        postgres=PostgresTable(dump="a.sql"), redis=RedisTable(), sqlite={"a": "var/a.db", "b": "~/data/b.db"}
    )
    services = table.services(repository, home, [data])
    assert services.sqlite == {"a": Path("var/a.db"), "b": data / "b.db"}
    assert (services.servers, services.dumps) == (True, ("a.sql",))
    (data / "link").symlink_to(tmp_path)
    for sqlite in ({"c": "~/other.db"}, {"c": "../c.db"}, {"c": "~/data/../c.db"}, {"c": "~/data/link/c.db"}):
        with pytest.raises(BadConfig, match=r"lies outside of the repository.*sandbox\.toolchains"):
            ServicesTable(sqlite=sqlite).services(repository, home, [data])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (ServicesTable(setup="make"), "has neither postgres nor redis"),
        (ServicesTable(environment={"A": "{redis.socket}"}), r"\{redis\.socket\} names nothing"),
        (ServicesTable(sqlite={"A B": "a.db"}), "names 'A B'"),
    ],
)
def test_a_table_that_cannot_be_meant_so_is_refused(tmp_path: Path, table: ServicesTable, said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        table.services(tmp_path, tmp_path, [])
