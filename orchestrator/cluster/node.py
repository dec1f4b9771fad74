"""A node: the workers of one machine, the dispatcher that wakes them, and the sweep of what dead ones left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

from orchestrator.cluster import celerybroker
from orchestrator.cluster.dispatcher import LOOK_S, Dispatcher
from orchestrator.cluster.taking import Taker
from orchestrator.crew import Crew
from orchestrator.errors import StoreError
from orchestrator.gate import Gate
from orchestrator.rounds import Rounds
from orchestrator.schema import check_version

_SWEEP_S = 10.0
_END_S = 10.0


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
        outdated: list[StoreError] = []
        with ExitStack() as opened:

            def started() -> None:
                self._begin_rounds(opened, outdated)
                ready()

            # What is found later (an engine that starts) is used once it is started again.
            can = frozenset() if self.gate.can is None else self.gate.can()
            celerybroker.work(self.broker, taker.take, self.processes, can, started, ending.set)
        if outdated:
            raise outdated[0]

    def _begin_rounds(self, opened: ExitStack, outdated: list[StoreError]) -> None:
        crew = opened.enter_context(self.open_crew())
        broker = celerybroker.CeleryBroker(self.broker)
        opened.callback(broker.close)
        for each in (
            Rounds("dispatcher", self._counted(crew, Dispatcher(crew.store, broker, self.gate), opened), LOOK_S),
            Rounds("sweep", crew.sweep, _SWEEP_S),
            Rounds("abilities", lambda: self.gate.announce(crew.store), _SWEEP_S),
            Rounds("schema", lambda: _end_if_old(crew, outdated), _SWEEP_S),
        ):
            opened.callback(each.end, _END_S)
            each.start()

    def _counted(self, crew: Crew, dispatcher: Dispatcher, opened: ExitStack) -> Callable[[], object]:
        """Return the dispatcher's step, counted where metrics are told."""
        if self.metrics is None:
            return dispatcher.step
        from orchestrator.telemetry.figures import stored
        from orchestrator.telemetry.metrics import Metrics

        metrics = Metrics(partial(stored, crew), time.monotonic, version("nightcrew"))
        opened.enter_context(metrics.served(*self.metrics))
        return lambda: metrics.sends(dispatcher.step())


def _end_if_old(crew: Crew, outdated: list[StoreError]) -> None:
    """End the workers where somebody upgraded the store: they would get no job, and a newer nightcrew is to be started."""
    with crew.database.connect() as connection:
        try:
            check_version(connection)
        except StoreError as error:
            if not outdated:
                outdated.append(error)
                os.kill(os.getpid(), signal.SIGTERM)
