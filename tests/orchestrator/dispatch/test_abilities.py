"""What jobs need, what machines can, and what is said of a job that nobody can do."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.configuration.config import MachineConfig, parse_repository
from orchestrator.dispatch.abilities import Found, checked, look, needs_of, unmet
from orchestrator.dispatch.gate import Gate
from orchestrator.errors import BadConfig, OrderRefused
from orchestrator.intake import read_order
from orchestrator.records import Order, Status, Ticket
from orchestrator.reporting import reports
from orchestrator.settings import Settings
from orchestrator.store.memory.store import MemoryStore
from sandbox import DockerDriver
from tests.contracts.test_store import Clock

ORDER = Order("it breaks", Path("/one"), needs=("gpu",))


def test_a_ticket_needs_what_it_says_what_its_repository_says_and_what_was_chosen() -> None:
    settings = Settings(sandbox="docker", driver="fuse", needs=("windows",))
    assert needs_of(ORDER, settings) == {"gpu", "windows", "docker", "fuse"}
    assert needs_of(Order("x", Path("/one")), Settings()) == frozenset()


@pytest.mark.parametrize("name", ["", "GPU", "a b", "a" * 33, "-x", "x.y", "x\n"])
def test_what_names_no_ability_is_refused(name: str) -> None:
    with pytest.raises(BadConfig, match="names no ability"):
        checked([name])
    with pytest.raises(OrderRefused, match="names no ability"):
        read_order(Order("it breaks", Path("/one"), needs=(name,)), 1.0)


def test_files_name_what_is_needed_and_what_is_there() -> None:
    assert parse_repository("[agent]\nneeds = ['gpu']\n").agent.needs == ("gpu",)
    with pytest.raises(BadConfig, match=r"agent\.needs.*names no ability"):
        parse_repository("[agent]\nneeds = ['G P U']\n")
    queue = MachineConfig.model_validate({"queue": {"can": ["windows"], "jobs": 9, "user_jobs": 2}}).queue
    assert (queue.can, queue.jobs, queue.user_jobs) == (("windows",), 9, 2)


def test_what_a_machine_can_is_looked_at_again_after_a_while() -> None:
    seen, clock = [frozenset({"docker"}), frozenset[str]()], Clock()
    found = Found(["windows"], lambda: seen.pop(0), clock)
    assert found() == found() == {"windows", "docker"}
    clock.now += 100
    assert found() == {"windows"}


def test_devices_tell_of_mounts_and_gpus(tmp_path: Path) -> None:
    nowhere = DockerDriver(address=f"unix://{tmp_path}/none.sock")
    assert look(nowhere, tmp_path) == frozenset()
    for name in ("fuse", "nvidia0", "nvidiactl"):
        (tmp_path / name).touch()
    assert look(nowhere, tmp_path) == {"fuse", "gpu"}


def test_what_there_is_no_room_for_now_is_not_begun() -> None:
    busy = {"docker"}
    gate = Gate(can=lambda: frozenset({"docker", "gpu"}), full=lambda: frozenset(busy))
    assert gate.terms(MemoryStore()).can == frozenset({"gpu"})
    busy.clear()
    assert gate.terms(MemoryStore()).can == frozenset({"docker", "gpu"})


def test_a_job_that_nobody_can_do_says_so_and_waits() -> None:
    store = MemoryStore()
    ticket = Ticket("261121-a", "x", ORDER, 5.0)
    store.add(ticket, Settings(seconds=60.0))
    assert reports.brief(store, ticket).why == ""
    Gate(can=lambda: frozenset({"docker"})).announce(store)
    report = reports.brief(store, ticket)
    assert report.status is Status.QUEUED
    assert (
        report.why
        == "it waits: no worker can do gpu; start one that can, with `--can NAME` for what is not found by itself"
    )
    store.announce("another", frozenset({"gpu"}))
    assert reports.brief(store, ticket).why == ""


def test_what_several_can_do_and_none_together_is_told() -> None:
    told = unmet(frozenset({"gpu", "docker"}), [frozenset({"gpu"}), frozenset({"docker"})])
    assert "no worker can do docker and gpu together" in told


def test_a_repository_of_a_machine_without_workers_is_told() -> None:
    told = unmet(frozenset({"at-0123456789abcdef", "gpu"}), [frozenset({"gpu"})])
    assert "the machine where it was filed" in told
