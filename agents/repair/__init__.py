"""The repair agent: small bugs that a failing test shows, repaired without a model."""

from agents.repair.agent import RepairAgent
from agents.repair.search import Settings

__all__ = ["RepairAgent", "Settings"]
