"""Branches: what each has to itself, what it begins with, and that nothing is left of it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from sandbox import (
    Command,
    PostgresService,
    RedisService,
    Served,
    Services,
    ServiceUnavailable,
    Source,
    service_lack,
    sweep,
)
from sandbox.scratch import MARKER
from tests.sandbox.cases import needs_local
from tests.sandbox.services.data import branch, branches, nothing, redis, sandboxed, sql, told

BOTH = Services(postgres=PostgresService(), redis=RedisService(), setup="made")
DUMP = b"CREATE TABLE orders (id int PRIMARY KEY);\nINSERT INTO orders VALUES (1), (2);\n"

pytestmark = [
    needs_local,
    pytest.mark.skipif(
        bool(service_lack("postgres") or service_lack("redis")), reason="PostgreSQL or Redis is missing"
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the module's branches keep what they have: most of its tests share a template."""
    return tmp_path_factory.mktemp("services")


def filling(folder: Path, calls: list[str]) -> Callable[[Served], None]:
    """Return a set-up that notes its calls."""

    def fill(served: Served) -> None:
        calls.append("called")
        with sandboxed(folder, served) as sandbox:
            done = sql(sandbox, "CREATE UNLOGGED TABLE people (name text)", "INSERT INTO people VALUES ('ann')")
            assert done.ok, told(done)
            assert redis(sandbox, "set", "greeting", "hello") == "OK"

    return fill


def test_branches_begin_alike_and_do_not_see_each_other(folder: Path) -> None:
    calls: list[str] = []
    with ExitStack() as stack:
        one, other = (stack.enter_context(branch(folder, BOTH, set_up=filling(folder, calls))) for _ in range(2))
        assert sql(one, "INSERT INTO people VALUES ('bob')").ok
        assert redis(one, "set", "greeting", "goodbye") == "OK"
        for sandbox, names, greeting in ((one, "2", "goodbye"), (other, "1", "hello")):
            assert told(sql(sandbox, "SELECT count(*) FROM people")).strip() == names
            assert redis(sandbox, "get", "greeting") == greeting
    assert calls == ["called"]


def test_a_template_is_made_again_when_what_it_is_made_of_changed(folder: Path) -> None:
    calls: list[str] = []
    services = Services(redis=RedisService(), setup="made")

    def fill(served: Served) -> None:
        calls.append("called")
        with sandboxed(folder, served) as sandbox:
            assert redis(sandbox, "set", "greeting", "hello") == "OK"

    for source in (Source(depends=(b"one",)), Source(depends=(b"other",)), Source(depends=(b"one",))):
        with branch(folder, services, source, fill) as sandbox:
            assert redis(sandbox, "get", "greeting") == "hello"
    assert len(calls) == 2


def test_a_dump_is_what_a_database_begins_with_in_both_forms(tmp_path: Path) -> None:
    plain = Services(postgres=PostgresService("postgres", "shop", "schema.sql"))
    with branch(tmp_path, plain, Source({"schema.sql": DUMP})) as sandbox:
        assert (
            told(sql(sandbox, "SELECT count(*), current_user, current_database() FROM orders")) == "2|postgres|shop\n"
        )
        assert sandbox.run(Command(("sh", "-c", "pg_dump -Fc >shop.dump"))).ok
    custom = Services(postgres=PostgresService(dump="shop.dump"))
    with branch(tmp_path, custom, Source({"shop.dump": (tmp_path / "tree/shop.dump").read_bytes()})) as sandbox:
        assert told(sql(sandbox, "SELECT count(*), current_user FROM orders")) == "2|nightcrew\n"


def test_a_dump_of_redis_is_what_it_begins_with(folder: Path, tmp_path: Path) -> None:
    with branches(folder).open(BOTH, Source(), filling(folder, []), {}) as served:
        (socket,) = (path for path in served.sockets.values() if path.name == "redis.sock")
        data = (socket.parent / "service/dump.rdb").read_bytes()
    services = Services(redis=RedisService("dump.rdb"))
    with branch(tmp_path, services, Source({"dump.rdb": data})) as sandbox:
        assert redis(sandbox, "get", "greeting") == "hello"


@pytest.mark.parametrize(
    ("services", "dumps", "said"),
    [
        (Services(postgres=PostgresService(dump="a.sql")), {}, "there is no a.sql in the repository"),
        (
            Services(postgres=PostgresService(dump="a.sql")),
            {"a.sql": b"SELEC 1;"},
            "a.sql cannot be loaded.*syntax error",
        ),
        (Services(redis=RedisService("a.rdb")), {"a.rdb": b"no dump at all"}, "redis does not start"),
    ],
)
def test_what_cannot_be_loaded_ends_with_what_was_said(
    tmp_path: Path, services: Services, dumps: dict[str, bytes], said: str
) -> None:
    with pytest.raises(ServiceUnavailable, match=f"(?s){said}"), branch(tmp_path, services, Source(dumps)):
        pass
    assert not [path for path in tmp_path.glob("templates/*") if path.is_dir()]
    assert not list(tmp_path.glob("scratch/*"))


def test_a_set_up_that_fails_leaves_no_template(tmp_path: Path) -> None:
    def fail(_: Served) -> None:
        raise ServiceUnavailable("the command fails")

    services = Services(redis=RedisService(), setup="false")
    with pytest.raises(ServiceUnavailable, match="the command fails"), branch(tmp_path, services, set_up=fail):
        pass
    with branch(tmp_path, services) as sandbox:
        assert redis(sandbox, "dbsize") == "0"


@pytest.mark.parametrize(
    ("services", "said"),
    [
        (Services(postgres=PostgresService()), "needs? PostgreSQL.*apt-get install postgresql"),
        (Services(redis=RedisService()), "needs? Redis.*apt-get install redis-server"),
    ],
)
def test_what_is_not_installed_is_named_with_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, services: Services, said: str
) -> None:
    for module in ("postgres", "redis"):
        monkeypatch.setattr(f"sandbox.services.{module}.program", lambda _: None)
    monkeypatch.setattr("sandbox.services.postgres._PLACES", ())
    assert service_lack("postgres") and service_lack("redis")
    with pytest.raises(ServiceUnavailable, match=said), branch(tmp_path, services):
        pass


def test_nothing_is_left_of_a_branch_but_the_template(folder: Path) -> None:
    with branch(folder, BOTH, set_up=nothing):
        assert len(serving(folder)) >= 2
    assert not serving(folder)
    assert not list(folder.glob("scratch/*"))


OWNER = """\
import sys
from pathlib import Path
from tests.sandbox.services.data import branch, redis
from tests.sandbox.services.test_branches import BOTH

with branch(Path(sys.argv[1]), BOTH) as sandbox:
    print(redis(sandbox, "ping"), flush=True)
    sys.stdin.read()
"""


def test_a_killed_owner_leaves_a_directory_that_the_sweep_takes_and_nothing_else(folder: Path) -> None:
    words = [sys.executable, "-c", OWNER, str(folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None and owner.stdout.readline() == b"PONG\n"
        ours = serving(folder)
        assert {"postgres", "redis-server"} <= {process.name() for process in ours}
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    _, alive = psutil.wait_procs(ours, timeout=20)
    assert ours and not alive
    assert len(sweep(folder / "scratch")) == 3
    assert not list(folder.glob("scratch/*"))
    calls: list[str] = []
    with branch(folder, BOTH, set_up=filling(folder, calls)):
        assert not calls


def serving(folder: Path) -> list[psutil.Process]:
    """Return the living processes that were started for sandboxes below `folder`."""
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get(MARKER, "").startswith(f"{folder}/")
            if marked and process.status() != psutil.STATUS_ZOMBIE:
                # What runs inside has an environment of its own.
                found += [process, *process.children(recursive=True)]
        except psutil.Error:
            continue
    return found
