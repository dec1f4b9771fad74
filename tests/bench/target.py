"""What a benchmark measures: targets with their limits, and the JSON document that ends a run."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """A figure an issue names, in `unit`: what it is, its limit, what was measured, and peers taken in the same run.

    `value` None means not measured; `why` then says why. `least` turns the limit round: at least.
    """

    what: str
    unit: str
    limit: float | None
    value: float | None
    beside: Mapping[str, float] = field(default_factory=dict)
    least: bool = False
    why: str = ""

    @property
    def holds(self) -> bool | None:
        """Say whether the limit holds; None where nothing was measured or nothing is asked."""
        if self.value is None or self.limit is None:
            return None
        return self.value >= self.limit if self.least else self.value <= self.limit

    def document(self) -> dict[str, Any]:
        """Return the target as JSON has it."""
        value: object = "not measured" if self.value is None else round(self.value, 4)
        told: dict[str, Any] = {
            "what": self.what,
            "unit": self.unit,
            "limit": self.limit,
            "value": value,
            "least": self.least,
            "holds": self.holds,
        }
        if self.beside:
            told["beside"] = {name: round(figure, 4) for name, figure in self.beside.items()}
        return {**told, "why": self.why} if self.why else told


def document(name: str, targets: Iterable[Target]) -> dict[str, Any]:
    """Return the run's document, of JSON values."""
    machine = {
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "kernel": platform.release(),
        "load": round(os.getloadavg()[0], 2),
    }
    told = [target.document() for target in targets]
    return {"name": name, "day": f"{date.today()}", "commit": _commit(), "machine": machine, "targets": told}


def _commit() -> str:
    """Return which state of the sources is measured."""
    words = ("git", "describe", "--always", "--dirty=, with changes")
    return subprocess.run(words, cwd=Path(__file__).parent, check=True, capture_output=True, text=True).stdout.strip()


def seconds(work: Callable[[], object], before: Callable[[], object] = lambda: None, times: int = 3) -> float:
    """Return the median of the seconds that `work` takes; `before` prepares each time and is not counted."""
    taken = []
    for _ in range(times):
        before()
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


@dataclass(frozen=True, slots=True)
class Way:
    """One of several ways that are timed beside each other: its work, and what prepares it each time and is not counted."""

    work: Callable[[], object]
    before: Callable[[], object] = lambda: None


def alternating(ways: Mapping[str, Way], times: int) -> dict[str, float]:
    """Return the median of the seconds that each way takes, the ways taking turns, so that a slow while meets them all."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(times):
        for name, way in ways.items():
            taken[name].append(seconds(way.work, way.before, times=1))
    return {name: statistics.median(each) for name, each in taken.items()}
