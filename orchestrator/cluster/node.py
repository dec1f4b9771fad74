"""A node: the workers of one machine that a broker wakes, and their upkeep."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from orchestrator.cluster import celerybroker
from orchestrator.cluster.taking import Taker
from orchestrator.cluster.upkeep import Upkeep
from orchestrator.crew import Crew
from orchestrator.dispatch.gate import Gate


@dataclass(frozen=True, slots=True)
class Node:
    """How a machine works for a broker. `open_crew` is called in each process that needs one."""

    broker: str
    processes: int
    gate: Gate
    open_crew: Callable[[], Crew]
    metrics: tuple[str, int] | None = None
    """Where it tells metrics, if anywhere."""

    def run(self, ready: Callable[[], None]) -> None:
        """Work until somebody ends it (SIGTERM, SIGINT): jobs in hand are queued again with their work kept. `ready` is called once it works.

        Raises `StoreError` where it ended as a newer nightcrew upgraded the store.
        """
        # Made before the processes are, which so share it.
        ending = multiprocessing.get_context("fork").Event()
        taker = Taker(self.open_crew, self.gate, ending.is_set)
        upkeep = Upkeep(self.gate, self.open_crew, self.metrics)
        with ExitStack() as opened:

            def started() -> None:
                broker = celerybroker.CeleryBroker(self.broker)
                opened.callback(broker.close)
                upkeep.begin(opened, broker)
                ready()

            # What is found later (an engine that starts) is used once it is started again.
            can = frozenset() if self.gate.can is None else self.gate.can()
            celerybroker.work(self.broker, taker.take, self.processes, can, started, ending.set)
        if upkeep.outdated:
            raise upkeep.outdated[0]
