"""Walks along places, and the agent that makes them, over real suites in a real fork server."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents import ModelError, OutOfBudget, Proposal, Reply, Request, Task, Trouble
from agents.models import Message, Role, Token, Watch, unwatched
from agents.sampling import SamplingAgent, Settings
from agents.sampling.asking import Ask, Form
from agents.sampling.place import Place, Span
from agents.sampling.walk import Walk
from tests.agents.repair.folder import opened
from tests.agents.sampling.test_agent import FAILING, FILES, repaired, words
from tests.agents.sampling.typist import Typist
from verifier import ForkServers

SOURCE = '''\
import x


def total(prices, rebate):
    """Return what is to be paid.

    The rebate is in the same currency.
    """
    summed = sum(prices)
    return summed + rebate
'''
PLACE = Place("prices.py", 4, 10, "total", 1.0, (Span(10, 10), Span(9, 9)))
CODE = str(FILES["prices.py"]).partition("\n\n")[0] + "\n"
WALKS = Settings(places=1, rounds=1, parallel=1, repair=False)


def walked(typist: Typist, place: Place = PLACE, source: str = SOURCE) -> tuple[Walk, list[Ask]]:
    asks: list[Ask] = []

    def asked(ask: Ask, tokens: int, stop: tuple[str, ...]) -> Reply:
        asks.append(ask)
        return typist.complete(
            Request((Message(Role.ASSISTANT, ask.begun),), max_tokens=tokens, stop=stop), deadline_s=1
        )

    walk = Walk(place, source.encode(), Form.AGAIN, asked)
    walk.go()
    return walk, asks


def test_the_reply_is_begun_with_the_code_without_its_docstring() -> None:
    _, asks = walked(Typist("def total(prices, rebate):\n    summed = sum(prices)\n    return summed + rebate\n"))
    assert asks[0].begun == "```python\ndef total(prices, rebate):\n"
    assert len(asks) == 1


def test_an_idea_becomes_an_edit_of_the_file_with_its_probability() -> None:
    typist = Typist(
        "def total(prices, rebate):\n    summed = sum(prices)\n    return summed + rebate\n", {" + rebate": (" -", 0.1)}
    )
    walk, _ = walked(typist)
    assert ("    return summed + rebate", "    return summed - rebate", 0.1) in [
        (each.old, each.new, each.weight) for each in walk.samples()
    ]


def test_what_means_the_same_or_does_not_parse_is_no_edit() -> None:
    typist = Typist(
        "def total(prices, rebate):\n    summed = sum(prices)\n    return summed + rebate\n",
        {" summed +": (" (", 0.1), "\n    return": ("  \n", 0.2)},
    )
    walk, _ = walked(typist)
    assert all("(" not in each.new for each in walk.samples())


def test_where_it_leaves_the_code_it_goes_on_behind_it() -> None:
    typist = Typist("def total(prices, rebate):\n    summed = max(prices)\n    return summed - rebate\n")
    walk, asks = walked(typist)
    assert len(asks) == 3
    assert {each.new for each in walk.samples()} >= {"    summed = max(prices)", "    return summed - rebate"}


def test_an_agent_proposes_what_the_model_would_rather_write(tmp_path: Path) -> None:
    typist = Typist(CODE, {" + rebate": (" -", 0.02)})
    with opened(tmp_path, FILES) as (workspace, suite):
        result = SamplingAgent(typist, ForkServers(), WALKS, words).work(Task("", suite, (FAILING,)), workspace)
        assert isinstance(result, Proposal)
        assert repaired(workspace)
    assert "typist asked for it" in result.explanation
    assert all(request.alternatives for request in typist.asked)
    first = typist.asked[1].messages
    assert "def total" in first[1].text


def test_a_server_that_does_not_go_on_is_asked_otherwise(tmp_path: Path) -> None:
    typist = Typist(CODE, {" + rebate": (" -", 0.02)}, counts=False)
    with opened(tmp_path, FILES) as (workspace, suite):
        SamplingAgent(typist, ForkServers(), WALKS, words).work(Task("", suite, (FAILING,)), workspace)
    assert [bool(request.alternatives) for request in typist.asked[:3]] == [True, False, False]


class Failing:
    """A model that shows one idea, then fails as it is told to."""

    name, context_tokens = "failing", 32_768

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.calls = 0

    def complete(self, request: Request, *, deadline_s: float, watch: Watch = unwatched) -> Reply:
        del request, deadline_s, watch
        self.calls += 1
        if self.calls == 1:
            return Reply(" five", tokens=(Token(" five", ((" five", 0.9), (" six", 0.1))),))
        if self.calls == 2:
            tokens = [
                Token(each, ((each, 0.9),))
                for each in ("    summed", " =", " sum", "(prices", ")\n", "    return", " summed")
            ]
            return Reply("", tokens=(*tokens, Token(" +", ((" +", 0.9), (" -", 0.1)))))
        raise self.error


@pytest.mark.parametrize("error", [OutOfBudget("spent"), ModelError(Trouble.UNREACHABLE, "gone")])
def test_what_a_model_showed_is_tried_even_where_it_answers_no_more(tmp_path: Path, error: Exception) -> None:
    with opened(tmp_path, FILES) as (workspace, suite):
        agent = SamplingAgent(Failing(error), ForkServers(), WALKS, words)
        assert isinstance(agent.work(Task("", suite, (FAILING,)), workspace), Proposal)
        assert repaired(workspace)


def test_a_later_life_asks_nothing_again(tmp_path: Path) -> None:
    typist = Typist(CODE, {" + rebate": (" -", 0.02)})
    agent = SamplingAgent(typist, ForkServers(), WALKS, words)
    with opened(tmp_path / "first", FILES) as (workspace, suite):
        assert isinstance(agent.work(Task("", suite, (FAILING,)), workspace), Proposal)
    asked = len(typist.asked)
    with opened(tmp_path / "second", FILES, journal=workspace.journal()) as (second, suite):
        assert isinstance(agent.work(Task("", suite, (FAILING,)), second), Proposal)
        assert repaired(second)
    assert len(typist.asked) == asked
