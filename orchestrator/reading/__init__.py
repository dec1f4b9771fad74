"""In which order a change is best read: its cause first, the mechanical last, each hunk with its evidence and what is risky about it."""

from orchestrator.reading.read import read
from orchestrator.reading.records import Group, Hunk, Mark, Reading, Risk, Role, Seen, Side, Whole

__all__ = ["Group", "Hunk", "Mark", "Reading", "Risk", "Role", "Seen", "Side", "Whole", "read"]
