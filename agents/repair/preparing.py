"""What a search begins with: the suspicious modules, and the order in which their variants are tried."""

from __future__ import annotations

from collections.abc import Mapping

from agents.agent import Task, Workspace
from agents.repair.diagnosis import Diagnosis, words
from agents.repair.hints import Hints
from agents.repair.localise import places
from agents.repair.operators import OPERATORS
from agents.repair.rank import likely, ranked
from agents.repair.search import Search, Settings
from agents.repair.source import Skipped, read_source
from agents.repair.variants import Module
from shadowfs import RepoPath
from verifier import Trials


def load(workspace: Workspace, diagnosis: Diagnosis) -> tuple[dict[RepoPath, Module], list[Skipped]]:
    """Read the modules with suspicious lines; those that are left alone come back with why."""
    modules: dict[RepoPath, Module] = {}
    skipped: list[Skipped] = []
    for path in dict.fromkeys(path for path, _, _ in diagnosis.scores):
        source = read_source(path, workspace.read(path))
        if isinstance(source, Skipped):
            skipped.append(source)
        else:
            modules[path] = Module.of(source)
    return modules, skipped


def search_over(
    modules: Mapping[RepoPath, Module],
    task: Task,
    workspace: Workspace,
    trials: Trials,
    diagnosis: Diagnosis,
    hints: Hints,
    settings: Settings,
) -> Search:
    """Return the search over all variants of some modules, the likeliest first."""
    order = ranked(
        places(modules, hints.over(diagnosis.lines()), words(task, diagnosis)),
        (*OPERATORS, *hints.operators()),
        likely(diagnosis.messages),
        task.seed,
    )
    return Search(order, trials, workspace, diagnosis, settings)
