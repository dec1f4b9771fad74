"""The agent of a model, as it is wired: what counts its tokens."""

from __future__ import annotations

from agents import ScriptedModel, model_agent
from agents.conversation import ConversationAgent
from agents.prompts import TokenCounter
from verifier import ForkServers


def test_tokens_are_counted_as_the_model_does_whatever_the_configuration_calls_it() -> None:
    agent = model_agent(ScriptedModel([], name="local"), ForkServers(), known_as="Qwen/Qwen2.5-Coder-1.5B-Instruct")
    assert isinstance(agent, ConversationAgent)
    assert isinstance(agent.count, TokenCounter)
    assert agent.count.encoding == "qwen3"
