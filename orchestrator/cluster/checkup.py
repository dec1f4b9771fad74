"""What the doctor asks of a cluster: the store, the broker, the workers that hold leases, and the room of this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.dispatch.abilities import SEEN_S, unmet
from orchestrator.dispatch.room import Room
from orchestrator.doctor import Check
from orchestrator.errors import BadConfig, OrchestratorError
from orchestrator.records import Status
from orchestrator.store.sql.belonging import place_of
from orchestrator.store.sql.schema import clock_of, open_engine
from orchestrator.store.sql.tables import SCHEMA, jobs, lanes, workers
from orchestrator.working.lease import LEASE_S, Owner
from sandbox import DockerHost, DockerHosts, headroom
from shadowfs import HubAway

if TYPE_CHECKING:
    from orchestrator.cluster.carrying import Exchange

_APART_S = 5.0
"""Leases go by the store's clock; what people read goes by a machine's."""
_SLOW_S = 0.25


def examine_cluster(
    state: Path,
    store: str | None,
    broker: str | None,
    exchange: Exchange | None = None,
    hosts: tuple[DockerHost, ...] = (),
    room: Room = Room(),
) -> tuple[Check, ...]:
    """Look at what several machines share, and at this one. A store that is a file is made if it is not there."""
    return (
        *_store(state, store),
        *_broker(broker),
        *_hub(state, exchange),
        *_docker(state, hosts),
        _room(state, room),
    )


def _store(state: Path, url: str | None) -> Iterator[Check]:
    """Yield whether the store answers, how fast, by which clock, and who works on what."""
    get = "see that it runs and who may enter: NIGHTCREW_STORE, PGPASSWORD"
    try:
        began = time.monotonic()
        engine = open_engine(url or sa.URL.create("sqlite", database=str(state / "nightcrew.db")))
        opened_s = time.monotonic() - began
    except OrchestratorError as error:
        yield Check("store", False, str(error), needed=True, get=get)
        return
    try:
        kind = engine.dialect.name
        yield Check("store", True, f"{kind} with schema {SCHEMA}, opened in {opened_s * 1000:.0f} ms", needed=True)
        yield _latency(engine)
        yield _clock(engine, time.time)
        now = clock_of(engine)()
        yield from _work(engine, now)
        yield from _abilities(engine, now)
    except SQLAlchemyError as error:
        yield Check("store answers", False, str(error).partition("\n")[0], needed=True, get=get)
    finally:
        engine.dispose()


def _latency(engine: Engine) -> Check:
    with engine.connect() as connection:
        connection.execute(_ONE)
        began = time.monotonic()
        connection.execute(_ONE)
        took_s = time.monotonic() - began
    why = f"a question takes {took_s * 1000:.1f} ms"
    return Check("store latency", took_s < _SLOW_S, why, instead="the same, slowly", get="put it nearer to the workers")


def _clock(engine: Engine, here: Callable[[], float]) -> Check:
    apart_s = clock_of(engine)() - here()
    why = f"the store's clock is {abs(apart_s):.1f} s {'ahead of' if apart_s > 0 else 'behind'} this machine's"
    return Check(
        "clock",
        abs(apart_s) < _APART_S,
        why,
        instead="the store's clock for leases; times that people read differ",
        get="have both set by NTP",
    )


def _work(engine: Engine, now: float) -> Iterator[Check]:
    """Yield the workers that hold leases, and the jobs whose leases ran out."""
    query = sa.select(jobs.c.ticket, jobs.c.lease_owner, jobs.c.lease_until).where(jobs.c.status == Status.WORKING)
    with engine.connect() as connection:
        rows = connection.execute(query.order_by(jobs.c.number)).all()
    alive: dict[str, int] = {}
    for row in rows:
        if row.lease_owner is not None and row.lease_until >= now:
            machine = Owner.parse(row.lease_owner).machine
            alive[machine] = alive.get(machine, 0) + 1
    told = ", ".join(f"{name}: {count} at work" for name, count in sorted(alive.items()))
    yield Check("leases", True, told or "nobody is at work")
    late = [
        (row.ticket, now - row.lease_until) for row in rows if row.lease_until is not None and row.lease_until < now
    ]
    named = ", ".join(f"{ticket} ({past_s:.0f} s ago)" for ticket, past_s in late[:10])
    yield Check(
        "expired leases",
        not any(past_s > LEASE_S for _, past_s in late),
        f"{len(late)} jobs wait to be taken over{': ' if named else ''}{named}",
        instead="nothing: whoever works next goes on with them",
        get="start a worker: nightcrew worker, or nightcrew work",
    )


def _abilities(engine: Engine, now: float) -> Iterator[Check]:
    """Yield what workers can do, and which jobs wait that none of them can."""
    heard = sa.select(workers).where(workers.c.seen_at >= now - SEEN_S).order_by(workers.c.machine, workers.c.can)
    waiting = (
        sa.select(lanes.c.needs, sa.func.count(), sa.func.min(jobs.c.ticket))
        .join(lanes, lanes.c.key == jobs.c.lane)
        .where(jobs.c.status == Status.QUEUED, lanes.c.needs != "")
        .group_by(lanes.c.needs)
        .order_by(lanes.c.needs)
    )
    with engine.connect() as connection:
        known, wanted = connection.execute(heard).all(), connection.execute(waiting).all()
    told = "; ".join(f"{each.machine} ({now - each.seen_at:.0f} s ago): {each.can or 'none'}" for each in known)
    yield Check("abilities", True, told or "no worker was heard of in the last hour")
    can = [frozenset(each.can.split()) for each in known]
    stuck = [
        f"{count} ({ticket}{' …' if count > 1 else ''}): {why}"
        for needs, count, ticket in wanted
        if (why := unmet(frozenset(needs.split()), can))
    ]
    yield Check(
        "jobs to do",
        not stuck,
        "; ".join(stuck) or "each that waits can be done by a worker of the last hour",
        instead="nothing: these jobs wait",
        get="nightcrew worker on a machine that can, or --can NAME",
    )


def _docker(state: Path, hosts: tuple[DockerHost, ...]) -> Iterator[Check]:
    """Yield how full each host is that sandboxes are spread among, or why it is left out."""
    if not hosts:
        return
    for each in DockerHosts(hosts, state / "sandboxes").look():
        told = f"{each.others + each.ours} of {each.most} sandboxes; it has {each.processors} processors and {each.memory_bytes >> 30} GB of memory"
        yield Check(
            f"docker {each.host.name}",
            not each.away,
            f"left out: {each.away}" if each.away else told,
            instead="the other hosts, until it answers",
            get=f"see `docker info` with DOCKER_HOST={each.host.address.url}",
        )


def _broker(url: str | None) -> Iterator[Check]:
    """Yield whether the broker answers, what waits there, and which workers do."""
    if url is None:
        why = "none is named (NIGHTCREW_BROKER)"
        yield Check("broker", True, f"{why}: `serve` and `work` ask the store")
        return
    get = "see that it runs: NIGHTCREW_BROKER"
    instead = "the store: jobs wait there, and `nightcrew work` needs no broker"
    try:
        from orchestrator.cluster.celerybroker import CeleryBroker
    except ModuleNotFoundError as error:
        yield Check(
            "broker", False, f"there is no package {error.name}", instead=instead, get="install nightcrew[cluster]"
        )
        return
    try:
        broker = CeleryBroker(url)
        try:
            yield Check("broker", True, f"it answers; {broker.waiting()} messages wait")
            nodes = broker.nodes()
        finally:
            broker.close()
    except (OrchestratorError, BadConfig) as error:
        yield Check("broker", False, str(error), instead=instead, get=get)
        return
    why = ", ".join(nodes) or "no worker answers"
    start = "nightcrew worker --workers N on a machine of the cluster"
    yield Check("workers", bool(nodes), why, instead="nothing: jobs wait", get=start)


def _hub(state: Path, exchange: Exchange | None) -> Iterator[Check]:
    """Yield whether machines can exchange depots, where they do."""
    if exchange is None:
        return
    began = time.monotonic()
    try:
        exchange.hub.make()
        count = exchange.hub.count()
    except (HubAway, OSError) as error:
        get = "see that every machine reaches `depots.url`: a path, ssh with a key and a known host, or https with a token"
        yield Check("depots", False, str(error), needed=True, get=get)
        return
    took_s = time.monotonic() - began
    yield Check(
        "depots", True, f"the hub answers in {took_s:.1f} s, and has {count} jobs; this machine is {place_of(state)}"
    )


def _room(state: Path, room: Room) -> Check:
    if lacking := room.lacks(state):
        get = "wait until other work is done, or write what a job really wants into `room` of config.toml"
        return Check("this machine", False, f"no job begins here: {lacking}", get=get)
    free = headroom(state)
    memory = "" if free.memory_bytes >= 1 << 60 else f"{free.memory_bytes >> 20} MB of memory, "
    return Check(
        "this machine", True, f"{memory}{free.disk_bytes >> 20} MB of disk free, load {free.load:.1f} a processor"
    )


_ONE = sa.text("SELECT 1")
