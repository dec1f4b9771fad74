"""Whole jobs with their store on a real PostgreSQL server: killed workers, a server that goes away, several machines' clocks."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from agents import NoFix, Proposal, Result, Task, Workspace
from orchestrator.crew import Crew
from orchestrator.errors import StoreAway, StoreError
from orchestrator.forges.store import ForgeStore
from orchestrator.records import Order, Status
from orchestrator.reviewing import Reviews
from orchestrator.store.sql.schema import clock_of, open_engine
from orchestrator.store.sql.store import SqlStore
from orchestrator.wiring import real_engines
from tests.contracts.test_store import Clock
from tests.orchestrator import project
from tests.orchestrator.test_killed import work
from tests.servers import Postgres, postgres_server


@pytest.mark.parametrize("deaths", [(7, 4), (14, 3, 6)])
def test_a_killed_job_goes_on_to_the_same_one_branch(
    tmp_path: Path, deaths: tuple[int, ...], postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, state, url = project.make(tmp_path), tmp_path / "state", postgres.url()
    monkeypatch.setenv("NIGHTCREW_STORE", url)
    for nth in deaths:
        died = work(state, repository, nth)
        assert died.returncode == -signal.SIGKILL, died.stdout + died.stderr
    done = work(state, repository, 0)
    assert done.returncode == 0, done.stderr
    with Crew(state, url=url) as crew:
        (report,) = crew.list()
    assert (report.status, project.branches(repository)) == (Status.VERIFIED, [report.branch])
    assert work(state, repository, 0).stdout.split()[:2] == ["0", "verified"]
    assert not (state / "nightcrew.db").exists()


class Losing:
    """An agent under whose hands the database goes away, once."""

    name = "losing"

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.lost = False
        self.back: threading.Thread | None = None

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Edit in two steps; the server is gone before the second, and back a moment later."""
        del task
        done = {str(step.data["path"]) for step in workspace.journal() if step.kind == "write"}
        if "helper.py" not in done:
            workspace.write("helper.py", b"START = 0\n")
        if not self.lost:
            self.lost = True
            self.server.end(signal.SIGQUIT)
            self.back = threading.Timer(1.0, self.server.start)
            self.back.start()
        workspace.write("sums.py", project.FIXED.encode())
        change = workspace.change()
        return Proposal(change, "Count all numbers", "The first one was left out.") if change else NoFix("nothing")


def test_a_database_that_goes_away_ends_a_life_and_the_next_goes_on(tmp_path: Path) -> None:
    repository, state, clock = project.make(tmp_path), tmp_path / "state", Clock(time.time())
    with postgres_server() as server:
        agent = Losing(server)
        engines = replace(real_engines(state), agent=lambda *_: agent)
        order = Order("total() forgets a number", repository, failing=(project.FAILING,), agent="command:true")
        with Crew(state, project.settings(state), url=server.url(), clock=clock, engines=engines) as crew:
            with pytest.raises(StoreAway, match="does not answer"):
                crew.fix(order)
            assert agent.back is not None
            agent.back.join()
            (report,) = crew.list()
            assert report.status is Status.WORKING
            assert crew.work_next() is None
            clock.now += 40.0
            again = crew.work_next()
            assert again is not None and again.status is Status.VERIFIED
            steps = [step for step in crew.steps(again.ticket.id) if step.kind == "write" and step.outcome is not None]
            assert [step.intent["path"] for step in steps] == ["helper.py", "sums.py"]
    assert project.branches(repository) == [again.branch]


def test_whatever_is_asked_of_a_database_that_is_away_says_so_alike() -> None:
    with postgres_server() as server:
        store = SqlStore(server.url())
        server.end(signal.SIGQUIT)
        for ask in (
            lambda: store.messages.said(1),
            lambda: store.messages.say(1, "ann", "hello", (Status.WORKING,)),
            lambda: Reviews(store.engine, time.time).decisions(),
            lambda: ForgeStore(store.engine).thread_of("a"),
            lambda: store.job(1),
        ):
            with pytest.raises(StoreAway, match="does not answer"):
                ask()
        store.close()


def test_connections_that_were_dropped_while_nothing_was_asked_are_made_anew(
    tmp_path: Path, postgres: Postgres
) -> None:
    with Crew(tmp_path, url=postgres.url()) as crew:
        assert crew.list() == ()
        postgres.drop_connections()
        assert crew.list() == ()


def test_a_store_belongs_to_one_state_directory(tmp_path: Path, postgres: Postgres) -> None:
    url = postgres.url()
    for _ in range(2):
        with Crew(tmp_path / "one", url=url) as crew:
            assert crew.list() == ()
    with Crew(tmp_path / "other", url=url) as crew, pytest.raises(StoreError, match=r"/one of .*/other is another"):
        crew.list()
    (tmp_path / "same").symlink_to(tmp_path / "one")
    with Crew(tmp_path / "same", url=url) as crew:
        assert crew.list() == ()


def test_the_time_is_the_servers_whatever_the_clock_here_says(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(postgres.url())
    clock = clock_of(engine)
    with engine.connect() as connection:
        there = float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
    monkeypatch.setattr(time, "time", lambda: 7.0)
    assert clock() == pytest.approx(there, abs=5.0)
    assert clock() >= there
    engine.dispose()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_does_not_hold_all_text_is_refused(postgres: Postgres, encoding: str) -> None:
    url = postgres.url(f"TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    with pytest.raises(StoreError, match=f"has the encoding {encoding}.*ENCODING 'UTF8'"):
        open_engine(url)


def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as told:
        open_engine(f"postgresql://ann:secret@/crew?host={tmp_path}")
    assert "secret" not in str(told.value) and str(tmp_path) in str(told.value)


@pytest.mark.parametrize("url", ["no address", "mysql://here/db", "oracle://here/db"])
def test_what_is_no_store_of_ours_is_refused_with_what_to_write(url: str) -> None:
    with pytest.raises(StoreError, match="postgres"):
        open_engine(url)
