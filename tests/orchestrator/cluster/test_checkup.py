"""The doctor on a cluster: a real PostgreSQL, a real Redis, and a node that works."""

from __future__ import annotations

import json
import time
from pathlib import Path

from orchestrator.cluster.checkup import examine_cluster
from orchestrator.crew import Crew
from orchestrator.dispatch.room import Room
from orchestrator.doctor import Check
from orchestrator.records import Order, Ticket
from orchestrator.settings import Settings
from orchestrator.store.sql.store import SqlStore
from orchestrator.working.lease import Owner
from tests.orchestrator.cluster.nodes import Place, until
from tests.servers import Postgres, Redis


def by_name(checks: tuple[Check, ...]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_it_tells_of_store_clock_leases_and_room(tmp_path: Path, postgres: Postgres) -> None:
    url = postgres.url()
    store = SqlStore(url)
    for at in range(3):
        store.add(Ticket(f"261121-{at}", "x", Order("it breaks", tmp_path), 5.0), Settings(seconds=60.0))
    assert store.claim(str(Owner("one pid", 7, "x", "y")), 60.0) is not None
    assert store.claim(str(Owner("two pid", 8, "x", "y")), -90.0) is not None
    wanting = Order("it breaks", tmp_path, needs=("gpu", "windows"))
    for at in range(2):
        store.add(Ticket(f"261122-{at}", "x", wanting, 6.0), Settings(seconds=60.0))
    store.announce("one", frozenset({"gpu"}))
    store.announce("two", frozenset())
    store.close()
    checks = by_name(examine_cluster(tmp_path / "state", url, None))
    assert checks["store"].works and "postgresql" in checks["store"].why
    assert checks["clock"].works and checks["store latency"].works
    assert checks["leases"].why == "one: 1 at work"
    assert not checks["expired leases"].works and "261121-1 (9" in checks["expired leases"].why
    assert checks["abilities"].why == "one (0 s ago): gpu; two (0 s ago): none"
    assert not checks["jobs to do"].works
    assert checks["jobs to do"].why.startswith("2 (261122-0 …): it waits: no worker can do windows; start one")
    assert "MB of disk free" in checks["this machine"].why and checks["broker"].works


def test_it_tells_why_no_job_begins_on_this_machine(tmp_path: Path) -> None:
    checks = by_name(examine_cluster(tmp_path, None, None, room=Room(disk_bytes=1 << 62)))
    assert not checks["this machine"].works and not checks["this machine"].needed
    assert checks["this machine"].why.startswith("no job begins here: disk: ")


def test_what_is_away_is_told_with_what_to_do(tmp_path: Path) -> None:
    checks = by_name(examine_cluster(tmp_path, "postgresql://crew:hunter2@127.0.0.1:1/none", "redis://127.0.0.1:1/0"))
    assert not checks["store"].works and checks["store"].needed
    assert not checks["broker"].works and not checks["broker"].needed
    assert all("hunter2" not in each.why + each.get for each in checks.values())


def test_the_command_asks_a_node_that_works(tmp_path: Path, redis: Redis) -> None:
    redis.client.flushall()
    place = Place(tmp_path / "state", redis.url)
    with Crew(place.state) as crew:
        crew.sweep()
    assert "workers" in by_name(examine_cluster(place.state, None, redis.url))
    with place.node():
        until(lambda: "wait for jobs" in place.log.read_text(), place.log)
        began = time.monotonic()
        done = place.run("doctor", "--cluster", "--json")
        assert time.monotonic() - began < 60.0
    assert done.returncode == 0, done.stderr
    checks = {each["name"]: each for each in json.loads(done.stdout)["checks"]}
    assert checks["workers"]["works"] and checks["broker"]["why"] == "it answers; 0 messages wait"
