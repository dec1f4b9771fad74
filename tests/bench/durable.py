"""The durable orchestrator: what a claim costs with many jobs in the store, what filing and orchestrating one do, and an idle shadow."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median

import httpx2
import psutil
import sqlalchemy as sa

from orchestrator.dispatch.fairness import Lane
from orchestrator.records import Order, Status, Ticket
from orchestrator.settings import Settings
from orchestrator.store.sql.lanes import lane_key
from orchestrator.store.sql.schema import transaction
from orchestrator.store.sql.store import SqlStore
from orchestrator.store.sql.tables import jobs, tickets
from shadowfs import FuseDriver, pin
from tests.bench.durable_jobs import measure_jobs
from tests.bench.main import Size, make_repository
from tests.bench.target import Target
from tests.e2e.command import nightcrew
from tests.e2e.project import FAILING, TICKET, activated, make_project
from tests.e2e.serving import serving
from tests.servers import postgres_server

_FEW = 100
_BARE = sa.text("INSERT INTO bare (text) VALUES (:text)")
_CLAIM, _SHADOW_MB = 2.0, 5.0
_FILED = 1 / 3
_USERS, _MANY_USERS = 20, 1_000


def measure(quick: bool, data: Path | None = None) -> Iterator[Target]:  # noqa: ARG001 - everything is made here
    """Yield the targets."""
    many = 10_000 if quick else 100_000
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as directory, postgres_server() as server:
        for name, urls in (
            ("SQLite", [f"sqlite:///{directory}/{each}.db" for each in ("few", "many", "users")]),
            ("PostgreSQL", [server.url() for _ in range(3)]),
        ):
            yield _claims(name, urls, many, 20 if quick else 100)
    yield from _filing(1_000 if quick else 10_000)
    yield _idle_shadow(4 if quick else 12)
    yield from measure_jobs(40 if quick else 1_000)


def _claims(name: str, urls: list[str], many: int, times: int) -> Target:
    """Compare claims with few and with many jobs waiting, taking turns; each job is queued again, so the number stays."""
    with ExitStack() as opened:
        stores = [opened.enter_context(closing(SqlStore(url))) for url in urls]
        for store, (count, users) in zip(stores, ((_FEW, _USERS), (many, _USERS), (many, _MANY_USERS)), strict=True):
            _fill(store, count, users)
        taken: list[list[float]] = [[] for _ in stores]
        for _ in range(times):
            for store, each in zip(stores, taken, strict=True):
                start = time.perf_counter()
                lease = store.claim("bench", 30.0)
                each.append(time.perf_counter() - start)
                assert lease is not None
                store.end(lease, Status.QUEUED, "", "")
    few, much, by_users = map(median, taken)
    beside = {f"at {_FEW}, ms": 1000 * few, f"at {many:,}, ms": 1000 * much}
    beside[f"at {many:,} of {_MANY_USERS:,} users, ms"] = 1000 * by_users
    what = f"the store's claim of a job at {many:,} jobs of {_USERS} users that wait, {name}: of one at {_FEW}"
    return Target(what, "times", _CLAIM, much / few, beside)


def _fill(store: SqlStore, count: int, users: int) -> None:
    """Have so many jobs wait, of a few priorities, on a repository of each user."""
    store.add(Ticket("261121-0", "x", Order("it breaks", Path("/one")), 5.0), Settings())
    with store.engine.connect() as connection:
        ticket = dict(connection.execute(sa.select(tickets)).mappings().one())
        job = dict(connection.execute(sa.select(jobs)).mappings().one())
    del job["number"]
    with transaction(store.engine) as connection:
        ids = [f"261121-{at}" for at in range(1, count)]
        connection.execute(tickets.insert(), [{**ticket, "id": id} for id in ids])
        keys = [lane_key(connection, Lane(f"user {at}", Path(f"/src/{at}"))) for at in range(users)]
        rows = [{**job, "ticket": id, "priority": at % 3, "lane": keys[at % users]} for at, id in enumerate(ids)]
        connection.execute(jobs.insert(), rows)
        if connection.dialect.name != "sqlite":
            # What autovacuum would do a minute later.
            connection.execute(sa.text("ANALYZE"))


def _filing(count: int) -> Iterator[Target]:
    """File tickets one after the other over the API, and take turns with an empty handler there and a bare insert into its database."""
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as directory:
        root = Path(directory)
        repository, state = make_project(root / "shop"), root / "state"
        (root / "nightcrew").mkdir()
        (root / "nightcrew" / "config.toml").write_text("[serve]\nwrites_per_s = 1000000\n")
        nightcrew("users", "add", "bench", "--role", "review", state=state)
        key = nightcrew("users", "key", "bench", state=state).document["key"]
        environ = {**activated(), "XDG_CONFIG_HOME": str(root)}
        with (
            serving(state, "--no-work", environ=environ) as server,
            closing(SqlStore(f"sqlite:///{state}/nightcrew.db")) as store,
            httpx2.Client(base_url=server.address, headers={"authorization": f"Bearer {key}"}, timeout=60) as client,
        ):
            process = psutil.Process(server.process.pid)
            order = {"text": TICKET, "repository": str(repository), "failing": [FAILING]}

            def file() -> None:
                answer = client.post("/api/tickets", json=order)
                assert answer.status_code == 201, answer.text

            def bare() -> None:
                client.get("/api/empty").raise_for_status()
                with transaction(store.engine, durable=True) as connection:
                    connection.execute(_BARE, {"text": TICKET})

            with transaction(store.engine) as connection:
                connection.execute(sa.text("CREATE TABLE bare (id INTEGER PRIMARY KEY, text TEXT)"))
            for _ in range(20):
                file()
            before = process.memory_info().rss
            taken: dict[str, float] = {"file": 0.0, "bare": 0.0}
            for _ in range(count):
                for name, work in (("file", file), ("bare", bare)):
                    start = time.perf_counter()
                    work()
                    taken[name] += time.perf_counter() - start
            after = process.memory_info().rss
    beside = {"tickets a second": count / taken["file"], "bare inserts a second": count / taken["bare"]}
    what = (
        f"{count:,} tickets filed over the API by one client, of the rate of an empty request and a bare durable insert"
    )
    yield Target(what, "times", _FILED, taken["bare"] / taken["file"], beside, least=True)
    grown = {"at the beginning": before / 1e6}
    yield Target(f"memory of the server after {count:,} tickets", "MB", 300.0, after / 1e6, grown)


def _idle_shadow(count: int) -> Target:
    """Add up what processes hold that only idle shadows need."""
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as directory, ExitStack() as opened:
        repository = make_repository(Path(directory) / "repository", Size(2_000, 1, 1))
        driver = opened.enter_context(closing(FuseDriver(Path(directory) / "state")))
        snapshot = pin(repository, Path(directory) / "state")
        opened.enter_context(driver.create(snapshot)).read("package/module_0/file_0.py")
        before = _held()
        for _ in range(count):
            opened.enter_context(driver.create(snapshot)).read("package/module_0/file_0.py")
        mb = (_held() - before) / count / 1e6
    return Target("an idle shadow of 2,000 files, its share of pages that are shared included", "MB", _SHADOW_MB, mb)


def _held() -> int:
    """Return the bytes that this process and those below it hold, each page counted once."""
    me = psutil.Process()
    return sum(each.memory_full_info().pss for each in (me, *me.children(recursive=True)))
