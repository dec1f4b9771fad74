"""Upkeep: what a machine that works does besides: it sends what is missing, sweeps, says what it can do, and ends when it is outdated."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version

from orchestrator.cluster.broker import Broker
from orchestrator.cluster.dispatcher import LOOK_S, Dispatcher
from orchestrator.crew import Crew
from orchestrator.dispatch.gate import Gate
from orchestrator.dispatch.rounds import Rounds
from orchestrator.errors import StoreError
from orchestrator.store.sql.schema import check_version

Machines = Callable[[], Mapping[str, frozenset[str]]]
_SWEEP_S = 10.0
_END_S = 10.0


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Rounds over a crew of its own; `metrics` says where they are told, if anywhere."""

    gate: Gate
    open_crew: Callable[[], Crew]
    metrics: tuple[str, int] | None = None
    outdated: list[StoreError] = field(default_factory=list)
    """Has the error once a newer nightcrew upgraded the store; the process is then being ended."""

    def begin(self, opened: ExitStack, broker: Broker, machines: Machines | None = None) -> None:
        """Begin the rounds, which end with `opened`. `machines` returns what workers can do where the broker has its own, on these machines."""
        crew = opened.enter_context(self.open_crew())
        known = None if machines is None else (lambda: tuple(machines().values()))
        dispatcher = Dispatcher(crew.store, broker, self.gate, known)
        for each in (
            Rounds("abilities", lambda: self._announce(crew, machines), _SWEEP_S),
            Rounds("dispatcher", self._counted(crew, dispatcher, opened), LOOK_S),
            Rounds("sweep", crew.sweep, _SWEEP_S),
            Rounds("schema", lambda: self._end_if_old(crew), _SWEEP_S),
        ):
            opened.callback(each.end, _END_S)
            each.start()

    def _announce(self, crew: Crew, machines: Machines | None) -> None:
        """Tell the store what workers can do."""
        if machines is None:
            self.gate.announce(crew.store)
            return
        for machine, can in machines().items():
            crew.store.announce(machine, can)

    def _counted(self, crew: Crew, dispatcher: Dispatcher, opened: ExitStack) -> Callable[[], object]:
        """Return the dispatcher's step, counted where metrics are told."""
        if self.metrics is None:
            return dispatcher.step
        from orchestrator.telemetry.figures import stored
        from orchestrator.telemetry.metrics import Metrics

        metrics = Metrics(partial(stored, crew), time.monotonic, version("nightcrew"))
        opened.enter_context(metrics.served(*self.metrics))
        return lambda: metrics.sends(dispatcher.step())

    def _end_if_old(self, crew: Crew) -> None:
        """End the workers where somebody upgraded the store: they would get no job, and a newer nightcrew is to be started."""
        with crew.database.connect() as connection:
            try:
                check_version(connection)
            except StoreError as error:
                if not self.outdated:
                    self.outdated.append(error)
                    os.kill(os.getpid(), signal.SIGTERM)
