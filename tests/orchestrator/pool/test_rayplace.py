"""Replicas on a real Ray cluster of two nodes: placed on both, back on the other when one dies, and none left whatever ends the pool."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from orchestrator.pool.errors import PoolError
from tests.orchestrator.pool.pools import Pool, pool
from tests.orchestrator.pool.standins import ROOT, words

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

_NODE: dict[str, Any] = {"num_cpus": 2, "object_store_memory": 80 << 20, "memory": 1 << 30}
_WATCHFUL = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}
"""A node that is lost is missed soon."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Return a cluster of two nodes, each with room for two replicas."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        made = Cluster()
        made.add_node(**_NODE, include_dashboard=False, _system_config=_WATCHFUL)
        made.add_node(**_NODE)
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def two(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Return a pool of two replicas that the module's tests share."""
    folder = tmp_path_factory.mktemp("two")
    with pool(folder, placed(cluster, folder / "state", "replicas = 2\nhealth_s = 1.0\n")) as made:
        yield made


def placed(cluster: Cluster, state: Path, more: str = "", command: list[str] | None = None) -> str:
    """Return a pool's file whose engines are stand-ins that have started something themselves."""
    line = command or ["sh", "-c", 'sleep 1000 & exec "$@"', "sh", *words("{port}", "--host", "{host}")]
    return (
        f'[place]\nray = "{cluster.address}"\n[models.coder]\nengine = "command"\ncommand = {json.dumps(line)}\n'
        f'environment = {{ POOL_OF = "{state}", PYTHONPATH = "{ROOT}" }}\n{more}'
    )


def engines_on(node: Any, made: Pool) -> set[int]:
    """Return the processes of engines on a node."""
    (raylet,) = node.all_processes["raylet"]
    below = {each.pid for each in psutil.Process(raylet.process.pid).children(recursive=True)}
    return below & {each.pid for each in made.engines()}


def test_replicas_are_placed_on_both_nodes_and_back_on_one_when_the_other_dies(cluster: Cluster, two: Pool) -> None:
    near, far = cluster.list_all_nodes()
    two.until(lambda: len(two.up()) == 2)
    lost = engines_on(far, two)
    assert lost and engines_on(near, two)
    assert all(each["host"] and each["pid"] is None for each in two.replicas())
    statuses: list[int] = []
    callers = [threading.Thread(target=lambda at=at: statuses.append(two.ask(user=f"t{at}"))) for at in range(20)]
    for at, each in enumerate(callers):
        each.start()
        if at == 5:
            cluster.remove_node(far, allow_graceful=False)
    for each in callers:
        each.join()
    assert statuses == [200] * 20
    two.until(lambda: not any(psutil.pid_exists(pid) for pid in lost))
    two.until(lambda: len(two.up()) == 2 and len(engines_on(near, two)) > len(lost))


def test_a_changed_model_rolls_though_there_is_no_room_for_both(two: Pool) -> None:
    before, text = two.up(), two.file.read_text("utf-8")
    two.file.write_text(text.replace('"--host"', '"--blocks", "64", "--host"'), "utf-8")
    done = two.run("up", str(two.file))
    assert done.returncode == 0, done.stderr
    two.until(lambda: len(two.up()) == 2 and not set(two.up()) & set(before))
    assert two.ask() == 200


def test_down_ends_all_of_it(cluster: Cluster, tmp_path: Path) -> None:
    cluster.add_node(**_NODE)
    with pool(tmp_path, placed(cluster, tmp_path / "state")) as made:
        assert made.ask() == 200 and made.engines()
        assert made.run("down").returncode == 0
        assert made.process is not None and made.process.wait(30) == 0 and made.engines() == []


def test_a_pool_that_is_killed_leaves_nothing(cluster: Cluster, tmp_path: Path) -> None:
    with pool(tmp_path, placed(cluster, tmp_path / "state")) as made:
        assert made.process is not None and made.engines()
        made.process.send_signal(signal.SIGKILL)
        made.until(lambda: not made.engines())


def test_an_engine_that_ends_at_once_on_its_node_is_told_by_its_last_lines(cluster: Cluster, tmp_path: Path) -> None:
    command = ["sh", "-c", "echo CUDA out of memory with $VLLM_API_KEY.; exit 3"]
    with pool(tmp_path, placed(cluster, tmp_path / "state", command=command)) as made:
        assert made.process is not None and made.process.wait(30) == 1
        assert "the engine ended with status 3" in made.log and "CUDA out of memory with ***." in made.log


def test_a_cluster_that_is_not_there_is_said_at_once() -> None:
    from orchestrator.pool.rayplace import RayPlace

    with pytest.raises(PoolError, match=r"there is no Ray cluster at 127\.0\.0\.1:1 .* `ray start"):
        RayPlace("127.0.0.1:1")


@pytest.mark.parametrize(
    ("more", "command", "said"),
    [
        ("gpus = 1", None, "model coder wants 1 GPUs, 1 CPUs on one node, and none of"),
        ("", ["/no/engine"], "there is no program /no/engine"),
    ],
    ids=["room", "program"],
)
def test_what_no_node_can_run_is_said(
    more: str, command: list[str] | None, said: str, cluster: Cluster, tmp_path: Path
) -> None:
    with pool(tmp_path, placed(cluster, tmp_path / "state", more, command)) as made:
        assert made.process is not None and made.process.wait(60) in (1, 2)
        assert said in made.log and "Traceback" not in made.log
