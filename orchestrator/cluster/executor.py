"""The executor's Protocol: it runs lives of jobs where there is room. What it loses costs time alone: a lease runs out, and another takes the job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from orchestrator.cluster.broker import Broker


class Executor(Broker, Protocol):
    """A broker that has the workers, too: each message is one life of a job, begun once there is room for it, and never tried again."""

    def machines(self) -> Mapping[str, frozenset[str]]:
        """Return what workers can do, by machine."""
        ...

    def end(self, wait_s: float) -> bool:
        """Begin nothing more, and have jobs in hand end at their next step and be queued again; say whether that was within `wait_s`."""
        ...
