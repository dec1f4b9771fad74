"""What runs lives of jobs, on processes and on a real Ray cluster of two nodes: each job once, whatever dies, and none tried again by itself."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.cluster.executor import Executor
from orchestrator.cluster.processes import Processes
from orchestrator.cluster.station import Station
from orchestrator.crew import Crew
from orchestrator.records import Job, Order, Status
from orchestrator.working.lease import Owner
from tests.orchestrator import project
from tests.orchestrator.cluster.test_node import agent

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

_WAIT_S = 120.0
_MEMORY_BYTES = 100 << 20
WATCHFUL = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}
"""A node that is lost is missed soon."""
CONFIG = 'state = "{state}"\nqueue.can = ["near", "far"]\nroom = {{ memory_mb = 0, disk_mb = 0, load = 1000.0 }}\n'


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Configure this machine, as all nodes of it see it, and return its folder."""
    folder = tmp_path_factory.mktemp("machine")
    file = folder / "config/nightcrew/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(CONFIG.format(state=folder / "state"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield folder


@pytest.fixture(scope="module")
def cluster(machine: Path) -> Iterator[Cluster]:
    """Return a cluster of two nodes: one is near, one is far."""
    del machine
    from ray.cluster_utils import Cluster

    made = Cluster()
    made.add_node(**node("near"), include_dashboard=False, _system_config=WATCHFUL)
    made.add_node(**node("far"))
    yield made
    made.shutdown()


def node(ability: str) -> dict[str, Any]:
    return {"num_cpus": 1, "object_store_memory": 80 << 20, "memory": 1 << 30, "resources": {ability: 1}}


@pytest.fixture(params=["processes", "ray"])
def executor(request: pytest.FixtureRequest, machine: Path) -> Iterator[Executor]:
    made: Executor
    if request.param == "processes":
        del machine
        made = Processes(Station.here(), frozenset({"near", "far"}), 1)
    else:
        from orchestrator.cluster.rayexecutor import RayExecutor

        made = RayExecutor(request.getfixturevalue("cluster").address, _MEMORY_BYTES)
    yield made
    made.close()


@pytest.fixture
def crew(machine: Path) -> Iterator[Crew]:
    state = machine / "state"
    with Crew(state, project.settings(state, driver="copy")) as crew:
        yield crew


def filed(crew: Crew, repository: Path, pause: float = 0.0, *needs: str) -> int:
    order = Order("it forgets a number", repository, failing=(project.FAILING,), agent=agent(pause), needs=needs)
    return crew.store.job_of(crew.file(order).id).number


def until(what: Callable[[], bool]) -> None:
    last = time.monotonic() + _WAIT_S
    while not what():
        assert time.monotonic() < last
        time.sleep(0.05)


def is_done(crew: Crew, number: int) -> bool:
    job = crew.store.job(number)
    assert job.status in (Status.QUEUED, Status.WORKING, Status.VERIFIED), job.why
    return job.status is Status.VERIFIED


def has_begun(crew: Crew, number: int) -> bool:
    return any(step.kind == "run" for step in crew.store.steps(number))


def pid_of(job: Job) -> int:
    assert job.lease_owner is not None, job
    return Owner.parse(job.lease_owner).pid


def test_each_message_is_a_life_of_a_job_and_waits_until_it_has_begun(
    executor: Executor, crew: Crew, repository: Path
) -> None:
    numbers = [filed(crew, repository, 1.0, "far") for _ in range(2)]
    for number in numbers:
        executor.send(number, "far")
    assert 1 <= executor.waiting("far") <= 2 and executor.waiting() == 0
    until(lambda: any(has_begun(crew, number) for number in numbers))
    assert executor.waiting("far") == 1
    until(lambda: all(is_done(crew, number) for number in numbers))
    until(lambda: executor.waiting("far") == 0)
    assert [crew.store.job(number).fence for number in numbers] == [1, 1]
    assert len(project.branches(repository)) == 2
    assert {"near", "far"} <= frozenset[str]().union(*executor.machines().values())


def test_a_process_that_is_killed_leaves_its_job_to_the_next_and_nothing_tries_it_again(
    executor: Executor, crew: Crew, repository: Path
) -> None:
    number = filed(crew, repository, 2.0)
    executor.send(number)
    until(lambda: has_begun(crew, number))
    os.kill(pid_of(crew.store.job(number)), signal.SIGKILL)
    until(lambda: bool(crew.sweep()))
    assert crew.store.job(number).status is Status.QUEUED
    executor.send(number)
    until(lambda: is_done(crew, number))
    assert crew.store.job(number).fence == 2
    assert len(project.branches(repository)) == 1


def test_jobs_in_hand_are_queued_again_when_it_ends(executor: Executor, crew: Crew, repository: Path) -> None:
    number = filed(crew, repository, 2.0)
    executor.send(number)
    until(lambda: has_begun(crew, number))
    assert executor.end(60.0)
    until(lambda: crew.store.job(number).status is Status.QUEUED)
    crew.stop(crew.store.job(number).ticket)


@pytest.mark.parametrize("kind", ["here", "ray"])
def test_the_command_keeps_them_busy_until_it_is_ended(
    kind: str, request: pytest.FixtureRequest, machine: Path, crew: Crew, repository: Path
) -> None:
    on = f"ray:{request.getfixturevalue('cluster').address}" if kind == "ray" else kind
    number = filed(crew, repository, 0.0, "far")
    command = [str(Path(sys.executable).parent / "nightcrew"), "worker", "--on", on]
    log = machine / f"{kind}.log"
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            until(lambda: process.poll() is not None or is_done(crew, number))
        finally:
            process.terminate()
            status = process.wait(60)
    assert status == 0, log.read_text()
    assert crew.store.job(number).fence == 1
    assert "wait for jobs" in log.read_text()


def test_a_node_that_is_lost_leaves_its_job_to_another(cluster: Cluster, crew: Crew, repository: Path) -> None:
    from orchestrator.cluster.rayexecutor import RayExecutor

    with closing(RayExecutor(cluster.address, _MEMORY_BYTES)) as executor:

        def has_far() -> bool:
            return any("far" in can for can in executor.machines().values())

        number = filed(crew, repository, 2.0, "far")
        executor.send(number, "far")
        until(lambda: has_begun(crew, number))
        lost = next(each for each in cluster.list_all_nodes() if not each.head)
        cluster.remove_node(lost, allow_graceful=False)
        until(lambda: bool(crew.sweep()))
        until(lambda: not has_far())
        executor.send(number, "far")
        assert executor.waiting("far") == 0
        cluster.add_node(**node("far"))
        until(has_far)
        executor.send(number, "far")
        until(lambda: is_done(crew, number))
    assert len(project.branches(repository)) == 1


def test_what_a_process_that_died_just_now_was_to_have_waits_for_another(machine: Path) -> None:
    del machine
    gone, other = multiprocessing.Pipe()
    other.close()
    with gone, closing(Processes(Station.here(), frozenset(), 1)) as processes:
        (child,) = processes._children
        child.connection, living = gone, child.connection
        processes.send(1)
        assert processes.waiting() == 1
        child.connection = living
        until(lambda: processes.waiting() == 0)
