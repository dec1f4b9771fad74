"""A station: what a process needs to know to work here, as it can be sent to one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.cluster.taking import Taker


@dataclass(frozen=True, slots=True)
class Station:
    """How workers of a machine are configured: `environ` and home say where, `can` what somebody typed that they can do."""

    environ: Mapping[str, str] = field(repr=False)
    home: Path
    prefix: Path
    state: Path | None = None
    can: tuple[str, ...] = ()

    @classmethod
    def here(cls) -> Station:
        """Return that of the machine on which this process runs."""
        return cls(dict(os.environ), Path.home(), Path(sys.prefix))

    def taker(self, ending: Callable[[], bool]) -> Taker:
        """Return what takes jobs in this process."""
        from orchestrator.cli.edge import Edge

        edge = Edge(self.environ, self.home, self.prefix, self.state)
        return Taker(edge.crew, edge.gate(self.can), ending)
