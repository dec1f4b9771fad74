"""`nightcrew worker` on a real Redis: tickets are worked on, whatever is killed meanwhile, each once."""

from __future__ import annotations

import os
import shlex
import signal
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, make_url, text

from orchestrator.crew import Crew
from orchestrator.records import JobReport, Order, Status
from orchestrator.store.sql.schema import transaction
from orchestrator.working.lease import Owner
from tests.orchestrator import project
from tests.orchestrator.cluster.nodes import Place, end, until
from tests.servers import Postgres, Redis, redis_server

SLOW = (
    'import pathlib, time; at = pathlib.Path("helper.py"); time.sleep({pause}); '
    'at.write_text("START = 0\\n"); path = pathlib.Path("sums.py"); path.write_text(path.read_text().replace("[1:]", ""))'
)


def agent(pause: float = 0.0) -> str:
    """Return an agent that is right after a while."""
    return f"command:{project.UNITTEST.python} -c {shlex.quote(SLOW.format(pause=pause))}"


def filed(place: Place, repository: Path, pause: float = 0.0, count: int = 1, needs: tuple[str, ...] = ()) -> list[str]:
    settings = project.settings(place.state, driver="copy")
    order = Order("total() forgets a number", repository, failing=(project.FAILING,), agent=agent(pause), needs=needs)
    with Crew(place.state, settings, url=place.store) as crew:
        return [crew.file(order).id for _ in range(count)]


def report(place: Place, ticket: str) -> JobReport:
    with Crew(place.state, url=place.store) as crew:
        return crew.show(ticket)


def is_done(place: Place, tickets: list[str]) -> bool:
    reports = [report(place, each) for each in tickets]
    assert all(each.status in (Status.QUEUED, Status.WORKING, Status.VERIFIED) for each in reports), reports
    return all(each.status is Status.VERIFIED for each in reports)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path, redis: Redis) -> Place:
    redis.client.flushall()
    server: Postgres | None = request.getfixturevalue("postgres") if request.param == "postgres" else None
    return Place(tmp_path / "state", redis.url, None if server is None else server.url())


def test_queued_tickets_are_worked_on_side_by_side_and_it_ends_when_told(place: Place, repository: Path) -> None:
    tickets = filed(place, repository, count=3)
    with place.node(2) as node:
        until(lambda: is_done(place, tickets), place.log)
        assert end(node, signal.SIGTERM) == 0
    branches = project.branches(repository)
    assert sorted(branches) == sorted(str(report(place, each).branch) for each in tickets)
    assert "2 workers wait for jobs" in place.log.read_text()


def test_a_worker_that_is_told_to_end_queues_its_job_again(tmp_path: Path, repository: Path, redis: Redis) -> None:
    redis.client.flushall()
    place = Place(tmp_path / "state", redis.url)
    (ticket,) = filed(place, repository, pause=20.0)
    with place.node() as node:
        until(lambda: has_begun(place, ticket), place.log)
        assert end(node, signal.SIGTERM) == 0
    assert report(place, ticket).status is Status.QUEUED


def test_a_workers_process_that_is_killed_costs_a_moment(place: Place, repository: Path) -> None:
    (ticket,) = filed(place, repository, pause=3.0)
    with place.node() as node:
        until(lambda: has_begun(place, ticket), place.log)
        owner = owner_of(place, ticket)
        assert psutil.Process(owner).ppid() == node.pid
        os.kill(owner, signal.SIGKILL)
        until(lambda: is_done(place, [ticket]), place.log)
        assert owner_of(place, ticket) == 0
    assert project.branches(repository) == [report(place, ticket).branch]


def test_a_node_that_is_killed_leaves_its_job_to_the_next(place: Place, repository: Path) -> None:
    (ticket,) = filed(place, repository, pause=3.0)
    with place.node() as node:
        until(lambda: has_begun(place, ticket), place.log)
        end(node, signal.SIGKILL)
    with place.node():
        until(lambda: is_done(place, [ticket]), place.log)
    assert project.branches(repository) == [report(place, ticket).branch]
    assert list((place.state / "shadows").iterdir()) == []


def test_a_ticket_waits_for_a_worker_that_can_do_it(tmp_path: Path, repository: Path, redis: Redis) -> None:
    redis.client.flushall()
    place = Place(tmp_path / "state", redis.url)
    (special,), (plain,) = filed(place, repository, needs=("sparc",)), filed(place, repository)
    with place.node():
        until(lambda: is_done(place, [plain]), place.log)
        until(lambda: "no worker can do sparc" in report(place, special).why, place.log)
        assert report(place, special).status is Status.QUEUED
        with place.node(1, "--can", "sparc"):
            until(lambda: is_done(place, [special]), place.log)


def test_a_broker_that_restarts_empty_loses_no_ticket(tmp_path: Path, repository: Path) -> None:
    with redis_server() as server:
        place = Place(tmp_path / "state", server.url)
        tickets = filed(place, repository, pause=1.0, count=2)
        with place.node():
            until(lambda: has_begun(place, tickets[0]), place.log)
            server.end(signal.SIGKILL)
            tickets += filed(place, repository)
            server.start()
            until(lambda: is_done(place, tickets), place.log)
    assert len(project.branches(repository)) == 3


def test_a_worker_ends_when_a_newer_nightcrew_upgraded_the_store(place: Place, repository: Path) -> None:
    (ticket,) = filed(place, repository, pause=15.0)
    with place.node() as node:
        until(lambda: has_begun(place, ticket), place.log)
        with (
            Crew(place.state, url=place.store) as crew,
            transaction(crew.database) as connection,
        ):
            (known,) = connection.execute(text("SELECT version_num FROM alembic_version")).one()
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        assert node.wait(90) == 1
    assert "newer nightcrew" in place.log.read_text()
    url = make_url(place.store or f"sqlite:///{place.state}/nightcrew.db")
    engine = create_engine(url.set(drivername="postgresql+psycopg") if place.store else url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :known"), {"known": known})
    engine.dispose()
    assert report(place, ticket).status is Status.QUEUED


def test_without_a_broker_it_says_what_to_do(tmp_path: Path) -> None:
    done = Place(tmp_path / "state", "").run("worker")
    assert done.returncode == 2
    assert "NIGHTCREW_BROKER" in done.stderr and "nightcrew work" in done.stderr


def has_begun(place: Place, ticket: str) -> bool:
    """Say whether its agent has begun to run."""
    with Crew(place.state, url=place.store) as crew:
        return any(step.kind == "run" for step in crew.steps(ticket))


def owner_of(place: Place, ticket: str) -> int:
    """Return the process that has a ticket's lease, 0 where none has."""
    with Crew(place.state, url=place.store) as crew:
        job = crew.store.job_of(ticket)
    return 0 if job.lease_owner is None else Owner.parse(job.lease_owner).pid
