"""The executor on Ray: each life of a job is a task on a node of a cluster. All that touches Ray's SDK."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError

from orchestrator.cluster.broker import BrokerAway
from orchestrator.cluster.station import Station

_ABILITY = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_OWN = ("memory", "object_store_memory")
_SHARE = 0.001
"""How much of an ability a job takes: a node that has it once has it for a thousand."""
_LOOK_S = 0.2
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Task:
    """A task, what it needs, and whether it has begun."""

    events: Any
    ability: str
    begun: bool = False


class RayExecutor:
    """Tasks on the cluster at `address` ("auto": that of this machine's node), each with a processor and `memory_bytes`.

    A node's abilities are its custom resources, by name; `gpu` is a GPU as Ray counts them. Safe to use from one thread at a time.
    """

    def __init__(self, address: str, memory_bytes: int) -> None:
        try:
            ray.init(address=address, namespace="nightcrew", log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise BrokerAway(
                f"there is no Ray cluster at {address} ({error}): start this machine's node, `ray start --address=HEAD:6379`"
            ) from error
        self._memory_bytes = memory_bytes
        self._tasks: list[_Task] = []

    def send(self, number: int, ability: str = "") -> None:
        if ability and not any(ability in can for can in self.machines().values()):
            # Ray would keep it for ever for a node that may come: the store does that.
            return
        wanted: dict[str, Any] = {"num_gpus": 1} if ability == "gpu" else {}
        if ability and not wanted:
            wanted = {"resources": {ability: _SHARE}}
        # Recovery is ours, by lease and journal: Ray tries nothing again.
        take = _take.options(
            name=f"nightcrew job {number}", num_cpus=1, memory=self._memory_bytes, max_retries=0, **wanted
        )
        self._tasks.append(_Task(take.remote(), ability))

    def waiting(self, ability: str = "") -> int:
        self._look()
        return sum(task.ability == ability and not task.begun for task in self._tasks)

    def machines(self) -> Mapping[str, frozenset[str]]:
        try:
            nodes = [node for node in ray.nodes() if node["Alive"]]
        except (RayError, ConnectionError) as error:
            raise BrokerAway(
                f"the Ray cluster does not answer ({error}): jobs wait in the store until it does"
            ) from error
        return {f"{node['NodeManagerHostname']}/{node['NodeID'][:8]}": _abilities(node["Resources"]) for node in nodes}

    def end(self, wait_s: float) -> bool:
        for task in self._tasks:
            with suppress(RayError, TypeError):
                ray.cancel(task.events, force=False, recursive=False)
        last = time.monotonic() + wait_s
        while self._tasks and time.monotonic() < last:
            self._look(_LOOK_S)
        return not self._tasks

    def close(self) -> None:
        ray.shutdown()

    def _look(self, wait_s: float = 0.0) -> None:
        """See which tasks have begun, and which have ended, however they did."""
        for task in tuple(self._tasks):
            while ray.wait([task.events], timeout=wait_s, fetch_local=False)[0]:
                try:
                    ray.get(next(task.events))
                    task.begun = True
                except StopIteration:
                    self._tasks.remove(task)
                    break
                except RayError as error:
                    # Its node or process died, or it was ended: the job's lease runs out, if it had one.
                    _log.warning("a task on Ray ended: %s", str(error).partition("\n")[0])
                    task.begun = True


def _abilities(resources: Mapping[str, float]) -> frozenset[str]:
    named = {name for name in resources if _ABILITY.fullmatch(name)} - {*_OWN}
    return frozenset({*named, *(["gpu"] if "GPU" in resources else [])})


@ray.remote
def _take() -> Iterator[bool]:
    """Take a job, as the machine is configured on which this runs; say that it begins, and whether there was one."""
    taker = Station.here().taker(lambda: False)
    yield True
    yield taker.take()
