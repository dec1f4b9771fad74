"""The agent of a model, made when a job wants one: its tools, prompts and edits take a while to import, and most commands need none."""

from __future__ import annotations

from agents.agent import Agent
from agents.models import Model, Price, free
from verifier import TrialsFactory


def model_agent(model: Model, factory: TrialsFactory, price: Price = free, name: str = "model") -> Agent:
    """Return the agent that lets a model work through tools, or by samples where it cannot hold them; each call is paid for by `price`."""
    from agents.conversation import ConversationAgent
    from agents.sampling import SamplingAgent

    samples = SamplingAgent(model, factory, price=price)
    return ConversationAgent(model, price=price, otherwise=samples, name=name)
