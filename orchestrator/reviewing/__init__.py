"""What people do with a change: read it, say something of it, choose a part of it, decide."""

from orchestrator.reviewing.records import Decision, Heeded, Said, Selection
from orchestrator.reviewing.reviews import Reviews
from orchestrator.reviewing.selection import named_part, selected

__all__ = ["Decision", "Heeded", "Reviews", "Said", "Selection", "named_part", "selected"]
