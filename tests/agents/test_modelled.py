"""The agent of a model, as it is wired: what counts its tokens."""

from __future__ import annotations

from agents import ScriptedModel, model_agent
from agents.conversation import ConversationAgent
from agents.prompts import TokenCounter
from agents.sampling import SamplingAgent
from verifier import ForkServers


def test_a_model_that_is_known_to_hold_no_tools_is_not_tested_for_them() -> None:
    agent = model_agent(ScriptedModel([], name="gpt-4"), ForkServers(), name="model:a", works="samples", repair=False)
    assert isinstance(agent, SamplingAgent)
    assert (agent.name, agent.settings.repair) == ("model:a", False)
    tools = model_agent(ScriptedModel([], name="gpt-4"), ForkServers(), works="tools")
    assert isinstance(tools, ConversationAgent)
    assert tools.otherwise is None


def test_tokens_are_counted_as_the_model_does_whatever_the_configuration_calls_it() -> None:
    agent = model_agent(ScriptedModel([], name="local"), ForkServers(), known_as="Qwen/Qwen2.5-Coder-1.5B-Instruct")
    assert isinstance(agent, ConversationAgent)
    assert isinstance(agent.count, TokenCounter)
    assert agent.count.encoding == "qwen3"
