"""A foreman: keeps an executor busy with what the store has, until somebody ends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from orchestrator.cluster.executor import Executor
from orchestrator.cluster.upkeep import Upkeep

_END_S = 300.0


@dataclass(frozen=True, slots=True)
class Foreman:
    """Has `executor` do the work."""

    executor: Executor
    upkeep: Upkeep

    def run(self, ready: Callable[[], None]) -> None:
        """Work until somebody ends it (SIGTERM, SIGINT): jobs in hand are queued again with their work kept. `ready` is called once it works.

        Raises `StoreError` where it ended as a newer nightcrew upgraded the store.
        """
        ended = threading.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda *_: ended.set())
        with ExitStack() as opened:
            opened.callback(self.executor.close)
            with ExitStack() as rounds:
                self.upkeep.begin(rounds, self.executor, self.executor.machines)
                ready()
                ended.wait()
            self.executor.end(_END_S)
        if self.upkeep.outdated:
            raise self.upkeep.outdated[0]
