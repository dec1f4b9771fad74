"""Workers whose agent, sandbox and tests are scripts, so that all they cost is orchestration: `python -m tests.bench.durable_worker embedded|celery STATE WORKERS`."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from agents import ScriptedAgent, Write
from orchestrator.crew import Crew
from orchestrator.engines import Engines, RungWatch
from orchestrator.wiring import real_engines
from sandbox import Command, Completed, Ended, ScriptedDriver
from shadowfs import CopyDriver
from tests.orchestrator import project
from tests.orchestrator.atwork import work
from verifier import DECISIVE, Case, RungResult, ScriptedRunner, Status, Verdict

_FIX = ScriptedAgent([Write("helper.py", b"START = 0\n"), Write("sums.py", project.FIXED.encode())])


def _says_nothing(_: Command) -> Completed:
    return Completed(Ended.EXITED, 0)


def _verified(case: Case, watch: RungWatch) -> Verdict:
    """Open what a ladder opens, run nothing there, and say that the change holds."""
    for tree in (case.change.base, case.change.tree):
        with case.open(tree):
            pass
    rungs = tuple(RungResult(name, Status.PASS, "a script says so") for name in sorted(DECISIVE))
    for rung in rungs:
        watch(rung.name, rung)
    return Verdict(case.change.base, case.change.tree, rungs)


def scripted(state: Path) -> Engines:
    """Return engines whose agent, sandbox and tests are scripts; all else is real."""
    return replace(
        real_engines(state),
        drivers=(CopyDriver(state),),
        sandboxes={"local": ScriptedDriver(_says_nothing)},
        runner=ScriptedRunner(lambda _: {}),
        judge=_verified,
        agent=lambda *_: _FIX,
    )


def main(kind: str, state: Path, workers: int) -> None:
    """Work until somebody ends it."""
    engines = scripted(state)

    def open_crew() -> Crew:
        return Crew(state, project.settings(state), url=os.environ["NIGHTCREW_STORE"], engines=engines)

    work(kind, open_crew, workers, 1.0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
