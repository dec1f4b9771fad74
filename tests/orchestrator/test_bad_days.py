"""Bad days, with the store in a file and on a server: a disk that fills, a clock that jumps. Nothing is lost, and it goes on."""

from __future__ import annotations

import gc
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from agents import NoFix, Proposal, Result, Task, Workspace
from orchestrator.crew import Crew
from orchestrator.errors import StoreAway
from orchestrator.records import Order, Status
from orchestrator.wiring import real_engines
from orchestrator.working.lease import LEASE_S, Owner
from tests.contracts.test_store import Clock
from tests.orchestrator import project
from tests.servers import Postgres

HOURS_S = 6 * 3600.0


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    if request.param == "sqlite":
        return None
    server: Postgres = request.getfixturevalue("postgres")
    return server.url()


class Disk:
    """A small disk that can be filled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        with self._ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"\0" * 4096):
                pass

    def make_room(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    small = tmp_path / "small"
    small.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(small)]
    if subprocess.run(words, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk takes root")
    yield Disk(small)
    # An error's frames hold depots, and these the processes that read them.
    gc.collect()
    subprocess.run(["umount", str(small)], check=True)


class Struck:
    """An agent that edits in two steps, and does neither twice; something happens between them, once."""

    name = "struck"

    def __init__(self, happens: Callable[[], object]) -> None:
        self._happens: list[Callable[[], object]] = [happens]

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Write what the journal does not have yet."""
        del task
        done = {str(step.data["path"]) for step in workspace.journal() if step.kind == "write"}
        for path, data in (("helper.py", b"START = 0\n"), ("sums.py", project.FIXED.encode())):
            if path == "sums.py" and self._happens:
                self._happens.pop()()
            if path not in done:
                workspace.write(path, data)
        workspace.keep()
        change = workspace.change()
        return Proposal(change, "Count all numbers", "The first one was left out.") if change else NoFix("nothing")


def opened(state: Path, url: str | None, clock: Clock, agent: Struck) -> Crew:
    engines = replace(real_engines(state), agent=lambda *_: agent)
    return Crew(state, project.settings(state, driver="copy"), url=url, clock=clock, engines=engines)


def order(repository: Path) -> Order:
    return Order("total() forgets a number", repository, failing=(project.FAILING,), agent="command:true")


def test_a_disk_that_is_full_takes_no_ticket_and_keeps_those_it_has(repository: Path, disk: Disk) -> None:
    clock = Clock(time.time())
    with opened(disk.folder / "state", None, clock, Struck(lambda: None)) as crew:
        first = crew.file(order(repository))
        disk.fill()
        acknowledged = [first.id]
        with pytest.raises(StoreAway, match="free space on its disk"):
            # What its log has room for is kept all the same.
            for _ in range(1_000):
                acknowledged.append(crew.file(order(repository)).id)
        with pytest.raises(StoreAway, match="free space on its disk"):
            for _ in range(1_000):
                crew.work_next()
        assert sorted(each.ticket.id for each in crew.list()) == sorted(acknowledged)
        disk.make_room()
        clock.now += LEASE_S + 1
        acknowledged.append(crew.file(order(repository)).id)
        assert sorted(each.ticket.id for each in crew.list()) == sorted(acknowledged)
        report = crew.work_next()
        assert report is not None and (report.ticket.id, report.status) == (first.id, Status.VERIFIED)


def test_a_job_under_which_the_disk_fills_goes_on_when_there_is_room(
    repository: Path, disk: Disk, url: str | None
) -> None:
    clock = Clock(time.time())
    with opened(disk.folder / "state", url, clock, Struck(disk.fill)) as crew:
        # What it ends as can be written where the store is on another disk.
        with suppress(StoreAway):
            failed = crew.fix(order(repository))
            assert failed.status is Status.FAILED and "space" in failed.why.lower(), failed
        (report,) = crew.list()
        assert report.status in (Status.FAILED, Status.WORKING)
        disk.make_room()
        clock.now += LEASE_S + 1
        report = crew.resume(report.ticket.id)
        assert report.status is Status.VERIFIED, report
        kept = [step for step in crew.steps(report.ticket.id) if step.kind == "write" and step.outcome is not None]
        assert [step.intent["path"] for step in kept] == ["helper.py", "sums.py"]
    assert project.branches(repository) == [report.branch]
    assert project.git(repository, "rev-list", "--count", f"main..{report.branch}") == "1"


@pytest.mark.parametrize("jump_s", [HOURS_S, -HOURS_S])
def test_a_clock_that_jumps_under_a_job_costs_it_no_budget(
    tmp_path: Path, repository: Path, url: str | None, jump_s: float
) -> None:
    clock = Clock(time.time())

    def jump() -> None:
        clock.now += jump_s

    with opened(tmp_path / "state", url, clock, Struck(jump)) as crew:
        report = crew.fix(order(repository))
    assert (report.status, project.branches(repository)) == (Status.VERIFIED, [report.branch])
    assert 0.0 <= report.cost.seconds < 60.0


def test_a_job_that_another_takes_as_the_clock_jumped_is_done_once(
    tmp_path: Path, repository: Path, url: str | None
) -> None:
    clock, state = Clock(time.time()), tmp_path / "state"

    def jump() -> None:
        clock.now += HOURS_S
        with opened(state, url, clock, Struck(lambda: None)) as other:
            taken = other.work_next()
            assert taken is not None and taken.status is Status.VERIFIED

    with opened(state, url, clock, Struck(jump)) as crew:
        report = crew.fix(order(repository))
    assert (report.status, project.branches(repository)) == (Status.VERIFIED, [report.branch])
    assert report.cost.seconds < 60.0


def test_a_dead_workers_job_waits_for_no_clock(tmp_path: Path, repository: Path, url: str | None) -> None:
    clock = Clock(time.time())
    with opened(tmp_path / "state", url, clock, Struck(lambda: None)) as crew:
        ticket = crew.file(order(repository))
        dead = replace(Owner.here(), started="another boot:1")
        assert crew.store.claim(str(dead), LEASE_S) is not None
        clock.now -= HOURS_S
        assert crew.work_next() is None
        assert any("its worker died" in each for each in crew.sweep())
        report = crew.work_next()
    assert report is not None and (report.ticket.id, report.status) == (ticket.id, Status.VERIFIED)
