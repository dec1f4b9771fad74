"""The small project's repository, and crews that work on it with the real engines and scripted agents."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents import ScriptedAgent
from agents.scripted import Action
from orchestrator.crew import Crew
from orchestrator.engines import Engines
from orchestrator.wiring import real_engines
from tests.orchestrator import project
from tests.orchestrator.crews import Open


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return project.make(tmp_path)


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Open]:
    """Return a function that opens a crew whose agents play scripts, one for each attempt."""
    opened: list[tuple[Crew, Engines]] = []

    def open(*scripts: Sequence[Action], ticks: Callable[[], float] = time.monotonic, **settings: Any) -> Crew:
        left = list(scripts)
        engines = real_engines(tmp_path / "state")
        if scripts:
            engines = replace(engines, agent=lambda *_: ScriptedAgent(left.pop(0)))
        made = Crew(tmp_path / "state", project.settings(tmp_path / "state", **settings), engines=engines, ticks=ticks)
        opened.append((made, engines))
        return made

    yield open
    for made, engines in opened:
        made.close()
        engines.close()
    shadows = tmp_path / "state/shadows"
    assert not shadows.exists() or list(shadows.iterdir()) == []
