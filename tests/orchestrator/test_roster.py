"""Agents as people name them, and what they are assumed to cost."""

from __future__ import annotations

import pytest

from agents import ModelError, NamedModel
from orchestrator.roster import agents_of, hears, offers, paid_agents, unpriced_agents

SMALL = NamedModel("small", "http://127.0.0.1:1/v1", "s")
BIG = NamedModel("big", "http://127.0.0.1:1/v1", "b", price_in=3.0, price_out=15.0)
JUDGE = NamedModel("judge", "http://127.0.0.1:1/v1", "j", role="judge", price_in=3.0)


@pytest.mark.parametrize(
    ("given", "agents"),
    [
        ("repair", ("repair",)),
        ("repair, model:small,model", ("repair", "model:small", "model")),
        ("command:sed -e a,b x.py", ("command:sed -e a,b x.py",)),
        ("command:echo a, b,repair", ("command:echo a, b", "repair")),
        ("repair,repair", ("repair",)),
        ("acp:x --y,command:z", ("acp:x --y", "command:z")),
        ("auto", ("auto",)),
        ("repair,nonsense", ("repair,nonsense",)),
    ],
)
def test_a_list_is_cut_at_commas_that_an_agent_follows(given: str, agents: tuple[str, ...]) -> None:
    assert agents_of(given) == agents


def test_auto_has_the_repair_agent_and_the_models_that_may_edit() -> None:
    assert [each.agent for each in offers({}, ())] == ["repair"]
    found = offers({"LLM_BASE_URL": "http://127.0.0.1:1/v1", "LLM_MODEL": "m"}, (SMALL, BIG, JUDGE))
    assert [each.agent for each in found] == ["repair", "model:default", "model:small", "model:big"]
    assert [each.paid for each in found] == [False, False, False, True]


def test_agents_that_cost_dollars_are_known_by_all_their_names() -> None:
    assert paid_agents({}, (SMALL,)) == ()
    assert paid_agents({}, (BIG,)) == ("model:big", "model", "auto")
    assert paid_agents({}, (SMALL, BIG)) == ("model:big", "auto")
    assert paid_agents({}, (JUDGE,)) == ("model:judge",)
    without_its_key = NamedModel("k", "http://127.0.0.1:1/v1", "k", key_env="NOT_SET", price_in=1.0)
    assert paid_agents({}, (without_its_key,)) == ()
    with pytest.raises(ModelError):
        offers({}, (without_its_key,))


def test_agents_that_ask_the_environments_model_are_known_by_all_their_names() -> None:
    environ = {"LLM_BASE_URL": "http://127.0.0.1:1/v1", "LLM_MODEL": "m"}
    assert unpriced_agents({}, (SMALL,)) == ()
    assert unpriced_agents(environ, ()) == ("model:default", "model", "auto")
    assert unpriced_agents(environ, (BIG,)) == ("model:default", "model", "auto")
    editor = NamedModel("editor", "http://127.0.0.1:1/v1", "e", role="edit")
    assert unpriced_agents(environ, (editor,)) == ("model:default", "auto")


def test_models_go_on_with_what_the_ladder_said() -> None:
    assert [hears(agent) for agent in ("model", "model:x", "repair", "command:x")] == [True, True, False, False]
