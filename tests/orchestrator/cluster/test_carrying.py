"""Machines that share a store and no volume: what one made of a job is where another goes on with it, or reads it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from agents import Agent, Proposal, Result, Task, Workspace
from orchestrator.cluster.carrying import CarryingStore, Exchange
from orchestrator.crew import Crew
from orchestrator.dispatch.gate import Gate
from orchestrator.errors import StoreAway, WrongStatus
from orchestrator.records import Order, Status, StepRecord
from orchestrator.reporting.board import Sought
from orchestrator.store.sql.belonging import place_of
from orchestrator.store.sql.store import SqlStore
from orchestrator.wiring import real_engines
from orchestrator.working.lease import Owner
from shadowfs import Depot, DepotError, Hub, remove_tree
from tests.orchestrator import project
from tests.orchestrator.killed import WRITES, Patient

_LATER_S = 60.0


@dataclass(slots=True)
class Dying:
    """An agent that takes a step, and whose machine then loses sight of the store."""

    name: str = "patient"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Do the first thing that a patient one does."""
        del task
        workspace.write("helper.py", b"START = 0\n")
        raise StoreAway("the store went away")


class Mortal(CarryingStore):
    """The store of a machine that is lost at its nth write: before it, or, if that is odd, after it."""

    def __init__(self, url: str, state: Path, exchange: Exchange, nth: int) -> None:
        super().__init__(url, None, state, exchange)
        self._left = nth
        self._after = nth % 2 == 1

    def __getattribute__(self, name: str) -> Any:
        method = super().__getattribute__(name)
        return self._dying(method) if name in WRITES else method

    def _dying(self, method: Callable[..., object]) -> Callable[..., object]:
        def write(*args: object, **given: object) -> object:
            self._left -= 1
            if self._left < 0 or (self._left == 0 and not self._after):
                raise StoreAway("the machine is lost")
            result = method(*args, **given)
            if self._left == 0:
                raise StoreAway("the machine is lost")
            return result

        return write


@dataclass(slots=True)
class Machines:
    """Machines with a state directory each, one store and one hub; `common` says whether the repository is the same on all."""

    folder: Path
    opened: ExitStack
    common: bool = True
    gates: dict[str, Gate] = field(default_factory=dict)

    @property
    def hub(self) -> Path:
        return self.folder / "hub.git"

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/store.db"

    @property
    def exchange(self) -> Exchange:
        return Exchange(Hub(str(self.hub)), (self.folder,) if self.common else ())

    def mortal(self, name: str, nth: int) -> Mortal:
        """Return a store of a machine that is lost at its nth write."""
        return Mortal(self.url, self.folder / name, self.exchange, nth)

    def crew(
        self, name: str, agent: Agent = Patient(), ahead_s: float = 0.0, store: CarryingStore | None = None
    ) -> Crew:
        """Open a crew on a machine, whose clock may be ahead."""
        state = self.folder / name
        engines = replace(real_engines(state), agent=lambda *_: agent)
        self.gates[name] = Gate(can=lambda: frozenset({place_of(state)}))
        crew = Crew(
            state,
            project.settings(state, driver="copy"),
            url=self.url,
            exchange=self.exchange,
            store=store,
            clock=lambda: time.time() + ahead_s,
            engines=engines,
        )
        self.opened.callback(engines.close)
        return self.opened.enter_context(crew)

    def work(self, crew: Crew, name: str) -> Status | None:
        """Work on the next job, if the machine may; return how it ended."""
        report = crew.work_next(gate=self.gates[name])
        return None if report is None else report.status


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    with ExitStack() as opened:
        yield Machines(tmp_path, opened)


def order(repository: Path) -> Order:
    return Order("total() forgets a number", repository, failing=(project.FAILING,), agent="command:true")


def steps(crew: Crew, ticket: str, kind: str) -> list[StepRecord]:
    return [step for step in crew.steps(ticket) if step.kind == kind]


def test_a_job_whose_machine_is_gone_goes_on_elsewhere_from_its_last_step(machines: Machines, repository: Path) -> None:
    before = project.digest(repository)
    one = machines.crew("one", Dying())
    ticket = one.file(order(repository)).id
    with pytest.raises(StoreAway):
        machines.work(one, "one")
    one.close()
    remove_tree(machines.folder / "one")
    two = machines.crew("two", ahead_s=_LATER_S)
    assert machines.work(two, "two") is Status.VERIFIED
    (branch,) = project.branches(repository)
    assert project.git(repository, "show", f"{branch}:helper.py") == "START = 0"
    assert len(steps(two, ticket, "write")) == 2
    assert len(steps(two, ticket, "pin")) == 1
    assert project.digest(repository) == before


def test_what_one_machine_made_another_shows(machines: Machines, repository: Path) -> None:
    one, two = machines.crew("one"), machines.crew("two")
    ticket = one.file(order(repository)).id
    assert machines.work(two, "two") is Status.VERIFIED
    assert b"+    for number in numbers:" in one.diff(ticket)
    report = one.show(ticket)
    assert report.verdict is not None and report.verdict.verified
    one.apply(ticket)
    assert (repository / "sums.py").read_text() == project.FIXED


def test_a_repository_that_one_machine_has_is_worked_on_there(machines: Machines, repository: Path) -> None:
    machines.common = False
    one, two = machines.crew("one"), machines.crew("two")
    ticket = one.file(order(repository)).id
    assert machines.work(two, "two") is None
    with pytest.raises(WrongStatus, match="of another machine: ask for it there"):
        two.resume(ticket)
    assert machines.work(one, "one") is Status.VERIFIED
    assert b"+    for number in numbers:" in two.diff(ticket)


def test_a_step_that_the_hub_did_not_take_does_not_count(machines: Machines, repository: Path) -> None:
    away = machines.folder / "away.git"

    class Cut:
        """An agent that loses the hub between two steps."""

        name = "patient"

        def work(self, task: Task, workspace: Workspace) -> Result:
            del task
            workspace.write("helper.py", b"START = 0\n")
            machines.hub.rename(away)
            workspace.write("sums.py", project.FIXED.encode())
            return Proposal(workspace.change(), "never", "")

    one = machines.crew("one", Cut())
    ticket = one.file(order(repository)).id
    with pytest.raises(StoreAway, match=r"hub\.git does not answer"):
        machines.work(one, "one")
    first, second = steps(one, ticket, "write")
    assert first.outcome is not None and second.outcome is None
    away.rename(machines.hub)
    assert machines.work(machines.crew("two", ahead_s=_LATER_S), "two") is Status.VERIFIED


def test_a_depot_that_the_hub_has_goes_when_room_is_wanted_and_comes_again(
    machines: Machines, repository: Path
) -> None:
    ticks = iter(range(0, 10_000, 301))
    exchange = replace(machines.exchange, keep_bytes=0)
    store = CarryingStore(machines.url, None, machines.folder / "one", exchange, ticks=lambda: float(next(ticks)))
    one = machines.crew("one", store=store)
    ticket = one.file(order(repository)).id
    assert machines.work(one, "one") is Status.VERIFIED
    number = store.job_of(ticket).number
    lease = store.claim(
        str(Owner.here()), 60.0, store.add(replace(store.ticket(ticket), id="261123-b"), store.settings(ticket)).number
    )
    assert lease is not None
    store.record(lease, snapshot=store.job(number).snapshot)
    (depot,) = (machines.folder / "one/depots").glob("*.git")
    unused(depot)
    assert store.tidy() == []
    store.end(lease, Status.FAILED, "", "")
    assert not depot.exists() and list((machines.folder / "one/pins").iterdir()) == []
    assert store.attempts(number) and depot.exists()
    assert b"+    for number in numbers:" in one.diff(ticket)
    # An eviction that is killed when it has forgotten the pins leaves a depot without them.
    remove_tree(machines.folder / "one/pins")
    assert b"+    for number in numbers:" in one.diff(ticket)
    assert store.job(number).snapshot is not None and list((machines.folder / "one/pins").iterdir()) != []


def test_work_that_was_never_sent_ends_its_job_and_holds_up_no_other(machines: Machines, repository: Path) -> None:
    one = machines.crew("one", Dying())
    ticket = one.file(order(repository)).id
    with pytest.raises(StoreAway):
        machines.work(one, "one")
    remove_tree(machines.hub)
    two = machines.crew("two", ahead_s=_LATER_S)
    two.file(order(repository))
    assert machines.work(two, "two") is Status.VERIFIED
    (failed,) = two.store.board(Sought((Status.FAILED,))).rows
    assert failed.ticket == ticket and "lies on another machine" in failed.why
    with pytest.raises(DepotError, match=f"Go on with it there: `nightcrew resume {ticket}`"):
        two.resume(ticket)
    assert machines.work(two, "two") is None


@dataclass(frozen=True, slots=True)
class Slow(Hub):
    """A hub that brings nothing before it may."""

    may: Callable[[], bool] = lambda: True

    def bring(self, state: Path, depot: Depot, job: str, *, again: bool = False) -> bool:
        """Bring a job once it may be."""
        while not self.may():
            time.sleep(0.01)
        return Hub.bring(self, state, depot, job, again=again)


def test_a_lease_lasts_for_as_long_as_its_work_is_being_brought(machines: Machines, repository: Path) -> None:
    one = machines.crew("one", Dying())
    number = one.store.job_of(one.file(order(repository)).id).number
    with pytest.raises(StoreAway):
        machines.work(one, "one")
    began = time.time() + _LATER_S

    def renewed() -> bool:
        until = SqlStore.job(two, number).lease_until
        return until is not None and until > began + 1.5

    exchange = replace(machines.exchange, hub=Slow(str(machines.hub), may=renewed))
    two = CarryingStore(machines.url, lambda: time.time() + _LATER_S, machines.folder / "two", exchange)
    with closing(two):
        lease = two.claim(str(Owner.here()), 0.6)
        assert lease is not None and not two.stop_requested(lease)


def unused(depot: Path) -> None:
    os.utime(depot / "used", (time.time() - 5000.0,) * 2)


@pytest.mark.parametrize("nth", [2, 9, 15])
def test_wherever_a_machine_is_lost_another_goes_on_and_there_is_one_branch(
    nth: int, machines: Machines, repository: Path
) -> None:
    one = machines.crew("one", store=machines.mortal("one", nth))
    ticket = one.file(order(repository)).id
    with pytest.raises(StoreAway, match="lost"):
        machines.work(one, "one")
    one.close()
    remove_tree(machines.folder / "one")
    two = machines.crew("two", ahead_s=_LATER_S)
    assert machines.work(two, "two") is Status.VERIFIED
    assert project.branches(repository) == [two.show(ticket).branch]
    assert len(project.git(repository, "log", "--format=%h", f"main..{two.show(ticket).branch}").split()) == 1
