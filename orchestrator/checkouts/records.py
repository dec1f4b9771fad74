"""The records of managed checkouts: who watches one being made, and what is made. Data only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.settings import Managed


@dataclass(frozen=True, slots=True)
class Watching:
    """Who is told what is done, and asked whether to go on: `stopping` may raise."""

    told: Callable[[str], None] = lambda _: None
    stopping: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Made:
    """A checkout that is there: what is known of it, and the output of its set-up, None where there was none to run."""

    managed: Managed
    log: Path | None = None
