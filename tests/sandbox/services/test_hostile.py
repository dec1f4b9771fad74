"""What hostile statements reach of a branch's servers: nothing but the branch's own data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Command, PostgresService, RedisService, Sandbox, Services, ServiceUnavailable, Source, service_lack
from tests.sandbox.cases import needs_local
from tests.sandbox.services.data import PSQL, branch, redis, sql, told

pytestmark = [
    needs_local,
    pytest.mark.skipif(
        bool(service_lack("postgres") or service_lack("redis")), reason="PostgreSQL or Redis is missing"
    ),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Return a sandbox with both servers."""
    services = Services(postgres=PostgresService(), redis=RedisService())
    with branch(tmp_path_factory.mktemp("services"), services) as sandbox:
        yield sandbox


@pytest.mark.parametrize(
    "statement",
    [
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "COPY (SELECT 1) TO '/service/data/planted'",
        "CREATE TABLE t (x text); COPY t FROM '/etc/passwd'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_ls_dir('/')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_export(lo_create(0), '/service/data/planted')",
        "CREATE EXTENSION dblink",
        "CREATE EXTENSION file_fdw",
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '/lib/x86_64-linux-gnu/libc.so.6', 'getpid'",
        "CREATE ROLE other SUPERUSER",
        "ALTER ROLE nightcrew SUPERUSER",
        "SET ROLE nightcrew_server",
        "ALTER SYSTEM SET shared_preload_libraries = 'x'",
        "SELECT pg_reload_conf()",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
        "UPDATE pg_authid SET rolsuper = true",
    ],
)
def test_a_statement_that_reaches_out_of_its_database_is_refused(served: Sandbox, statement: str) -> None:
    done = sql(served, statement)
    assert not done.ok
    said = told(done)
    assert "permission denied" in said or "must be" in said or "not permitted" in said or "not a superuser" in said, (
        said
    )


def test_a_dump_cannot_have_another_socket_handed_to_tests(tmp_path: Path) -> None:
    dump = b"\\! mv .s.PGSQL.5432 real; ln -s real .s.PGSQL.5432\n"
    services = Services(postgres=PostgresService(dump="a.sql"))
    with (
        pytest.raises(ServiceUnavailable, match="is no socket"),
        branch(tmp_path, services, Source({"a.sql": dump})),
    ):
        pass


@pytest.mark.parametrize("user", ["nightcrew_server", "pg_monitor"])
def test_tests_cannot_be_a_user_of_the_server_s_own(tmp_path: Path, user: str) -> None:
    with (
        pytest.raises(ServiceUnavailable, match="PostgreSQL's own: name another"),
        branch(tmp_path, Services(postgres=PostgresService(user))),
    ):
        pass


def test_the_superuser_cannot_connect(served: Sandbox) -> None:
    done = served.run(Command((PSQL, "-X", "-U", "nightcrew_server", "-d", "postgres", "-c", "SELECT 1")))
    assert not done.ok and "no pg_hba.conf entry" in told(done)


def test_what_tests_do_with_a_database_of_their_own_works(served: Sandbox) -> None:
    done = sql(
        served, "CREATE DATABASE test_app", "CREATE EXTENSION pgcrypto", "CREATE SCHEMA one", "SELECT lo_create(0) > 0"
    )
    assert done.ok, told(done)


@pytest.mark.parametrize("words", ["config get dir", "module list", "debug sleep 0", "shutdown", "acl whoami"])
def test_commands_that_are_the_servers_own_are_refused(served: Sandbox, words: str) -> None:
    assert "unknown command" in redis(served, *words.split())


def test_scripts_run_and_reach_no_file(served: Sandbox) -> None:
    assert redis(served, "eval", "return redis.call('incr', 'n')", "0") == "1"
    assert "nil" in redis(served, "eval", "return tostring(io)", "0") or "nonexistent" in redis(
        served, "eval", "return io.open('/etc/passwd')", "0"
    )
