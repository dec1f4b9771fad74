"""The agent of a model, made when a job wants one: its tools, prompts and edits take a while to import, and most commands need none."""

from __future__ import annotations

from agents.agent import Agent
from agents.models import Model, Price, free


def model_agent(model: Model, price: Price = free, name: str = "model") -> Agent:
    """Return the agent that lets a model work through tools, each call paid for by `price`."""
    from agents.conversation import ConversationAgent

    return ConversationAgent(model, price=price, name=name)
