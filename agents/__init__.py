"""Propose: agents that work on a task in a workspace and end with a proposal, a question, or an honest reason for neither."""

from agents.agent import Agent, NoFix, Option, Proposal, Question, Result, Step, Task, Workspace
from agents.command import CommandAgent
from agents.errors import AgentError, OutOfBudget, Stopped
from agents.memory import MemoryWorkspace
from agents.repair import RepairAgent
from agents.scripted import Ask, Delete, ScriptedAgent, Write
from agents.seeding import Harvest, Seeded, Wanted, seed_bugs
from agents.verbs import LanguageVerbs

__all__ = [
    "Agent",
    "AgentError",
    "Ask",
    "CommandAgent",
    "Delete",
    "Harvest",
    "LanguageVerbs",
    "MemoryWorkspace",
    "NoFix",
    "Option",
    "OutOfBudget",
    "Proposal",
    "Question",
    "RepairAgent",
    "Result",
    "ScriptedAgent",
    "Seeded",
    "Step",
    "Stopped",
    "Task",
    "Wanted",
    "Workspace",
    "Write",
    "seed_bugs",
]
