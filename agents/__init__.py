"""Propose: agents that work on a task in a workspace and end with a proposal or an honest reason for none."""

from agents.agent import Agent, NoFix, Proposal, Result, Step, Task, Workspace
from agents.errors import AgentError, OutOfBudget, Stopped

__all__ = [
    "Agent",
    "AgentError",
    "NoFix",
    "OutOfBudget",
    "Proposal",
    "Result",
    "Step",
    "Stopped",
    "Task",
    "Workspace",
]
