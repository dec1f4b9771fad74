"""What every agent must keep, over real workspaces: on a project with a bug, with nothing to do, out of budget, after a crash."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents import (
    AcpAgent,
    Agent,
    Ask,
    CommandAgent,
    MemoryWorkspace,
    MigrationAgent,
    NoFix,
    OutOfBudget,
    Proposal,
    Question,
    RepairAgent,
    ScriptedAgent,
    ScriptedModel,
    Stopped,
    Write,
)
from agents.sampling import SamplingAgent
from agents.sampling import Settings as Samples
from tests.agents.acp import PLAIN
from tests.contracts.workspaces import BUGGY, FIX, FIXED, TASK, Hold, kinds, opened
from verifier import ForkServers

Make = Callable[[], Agent]
PUTS = shlex.join([sys.executable, str(PLAIN), "age.py", ">", ">="])


def samples(reply: str) -> Agent:
    """Return an agent whose model always says the same."""
    settings = Samples(places=1, rounds=1, parallel=1, repair=False, walk=False)
    return SamplingAgent(ScriptedModel([reply] * 50), ForkServers(), settings, len)


AGENTS: dict[str, tuple[Make, Make]] = {
    "command": (lambda: CommandAgent(FIX), lambda: CommandAgent("true")),
    "scripted": (
        lambda: ScriptedAgent([Write("age.py", FIXED.encode())]),
        lambda: ScriptedAgent([NoFix("no idea", "an idea")]),
    ),
    "acp": (lambda: AcpAgent(PUTS), lambda: AcpAgent(PUTS)),
    "migrate": (MigrationAgent, MigrationAgent),
    "sampling": (
        lambda: samples("WRONG: return bool(age > limit)\nRIGHT: return bool(age >= limit)\n"),
        lambda: samples("I am sorry."),
    ),
    "repair": (lambda: RepairAgent(ForkServers()), lambda: RepairAgent(ForkServers())),
}
"""Each agent as it repairs the project, and as it finds nothing to do there."""


@pytest.fixture(params=[kind for kind in kinds() if kind != "memory"][:1])
def hold(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hold]:
    with opened(request.param, tmp_path) as hold:
        yield hold


@pytest.mark.parametrize("name", AGENTS)
def test_it_proposes_what_repairs_the_project(hold: Hold, name: str) -> None:
    agent = AGENTS[name][0]()
    result = agent.work(TASK, hold.workspace)
    assert isinstance(result, Proposal), result
    assert agent.name.startswith(name)
    assert list(result.change.paths()) == ["age.py"]
    assert result.change.tree == hold.workspace.change().tree
    assert not hold.workspace.test().bad()
    assert result.title == result.title.strip() != ""
    assert "\n" not in result.title
    assert result.explanation.strip()


@pytest.mark.parametrize("name", AGENTS)
def test_it_ends_honestly_where_there_is_nothing_to_do(hold: Hold, name: str) -> None:
    hold.workspace.write("age.py", FIXED.encode())
    before = hold.workspace.change().tree
    task = replace(TASK, text="Nothing is wrong", failing=())
    result = AGENTS[name][1]().work(task, hold.workspace)
    if isinstance(result, NoFix):
        assert result.why.strip()
    assert hold.workspace.change().tree == before


@pytest.mark.parametrize("name", AGENTS)
def test_a_spent_budget_and_a_stop_go_through_it(hold: Hold, name: str) -> None:
    hold.stop()
    with pytest.raises(Stopped):
        AGENTS[name][0]().work(TASK, hold.workspace)
    hold.owner.stopped = False
    hold.owner.expire()
    with pytest.raises(OutOfBudget):
        AGENTS[name][0]().work(TASK, hold.workspace)
    assert not hold.workspace.change()


@pytest.mark.parametrize("name", AGENTS)
def test_a_second_life_on_what_the_first_left_ends_alike(hold: Hold, name: str) -> None:
    first = AGENTS[name][0]().work(TASK, hold.workspace)
    second = AGENTS[name][0]().work(TASK, hold.workspace)
    assert isinstance(first, Proposal)
    assert isinstance(second, Proposal)
    assert (second.change.tree, second.title) == (first.change.tree, first.title)


def test_a_question_carries_its_options_and_leaves_the_workspace_as_it_was(hold: Hold) -> None:
    options = (Write("age.py", FIXED.encode()), Write("age.py", BUGGY.replace(">", "==").encode()))
    before = hold.workspace.change().tree
    asked = ScriptedAgent([Ask("which?", options)]).work(replace(TASK, ask=True), hold.workspace)
    assert isinstance(asked, Question), asked
    assert asked.text.strip()
    assert 2 <= len({option.proposal.change.tree for option in asked.options}) == len(asked.options)
    for option in asked.options:
        assert list(option.proposal.change.paths()) == ["age.py"]
        assert option.shows.strip() and option.proposal.title.strip() and option.proposal.explanation.strip()
    assert hold.workspace.change().tree == before


def test_agents_that_need_no_process_work_in_memory_too() -> None:
    for name in ("command", "scripted", "migrate"):
        with opened("memory", Path()) as hold:
            assert isinstance(hold.workspace, MemoryWorkspace)
            result = AGENTS[name][0]().work(TASK, hold.workspace)
            assert isinstance(result, Proposal)
            assert hold.workspace.files["age.py"] == FIXED.encode()
