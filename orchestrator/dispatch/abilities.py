"""Abilities: what a job needs a worker to be able to do, and what the workers of this machine can."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import BadConfig, OrchestratorError
from orchestrator.records import Order
from orchestrator.settings import Settings

if TYPE_CHECKING:
    from sandbox import SandboxDriver

DOCKER, FUSE, GPU = "docker", "fuse", "gpu"
PLACE = "at-"
"""What begins the ability that one machine alone has: to work on the repositories that lie on it."""
SEEN_S = 3600.0
"""For how long after a worker was heard of jobs count on it."""
ANNOUNCE_S = 60.0
"""How often one is heard of."""
_LOOK_S = 60.0
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def needs_of(order: Order, settings: Settings) -> frozenset[str]:
    """Return what a worker has to be able to do for a ticket: what it and its repository say, and what was chosen for it."""
    chosen = {DOCKER} if settings.sandbox == "docker" else set()
    if settings.driver == "fuse":
        chosen.add(FUSE)
    return frozenset({*order.needs, *settings.needs, *chosen})


def checked(names: Iterable[str], wrong: type[OrchestratorError] = BadConfig) -> tuple[str, ...]:
    """Return the names of abilities, each once. Raises `wrong` for one that is none."""
    for name in (found := sorted(set(names))):
        if _NAME.fullmatch(name) is None:
            raise wrong(f"{name!r} names no ability: write up to 32 small letters, digits, `-` and `_`")
    return tuple(found)


def unmet(needs: frozenset[str], workers: Iterable[frozenset[str]]) -> str:
    """Return why a job waits that no worker of late can do, "" where one can, or where none is known."""
    known = set(workers)
    if not needs or not known or any(needs <= can for can in known):
        return ""
    if any(each.startswith(PLACE) and not any(each in can for can in known) for each in needs):
        return "it waits for a worker on the machine where it was filed, which has its repository: start one there"
    nobody = sorted(each for each in needs if not any(each in can for can in known))
    what = f"can do {' or '.join(nobody)}" if nobody else f"can do {' and '.join(sorted(needs))} together"
    return f"it waits: no worker {what}; start one that can, with `--can NAME` for what is not found by itself"


class Found:
    """What this machine can do, looked at again each minute, besides what somebody `named`."""

    def __init__(
        self, named: Iterable[str], look: Callable[[], frozenset[str]], ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._named = frozenset(named)
        self._look = look
        self._ticks = ticks
        self._seen: tuple[frozenset[str], float] | None = None

    def __call__(self) -> frozenset[str]:
        now = self._ticks()
        if self._seen is None or now - self._seen[1] > _LOOK_S:
            self._seen = self._named | self._look(), now
        return self._seen[0]


def look(docker: SandboxDriver, devices: Path = Path("/dev")) -> frozenset[str]:
    """Return what this machine is found to be able to do: an engine for containers that answers, mounts, an NVIDIA GPU."""
    found = {
        DOCKER: docker.probe().works,
        FUSE: os.access(devices / "fuse", os.R_OK | os.W_OK),
        GPU: any(devices.glob("nvidia[0-9]*")),
    }
    return frozenset(name for name, works in found.items() if works)
