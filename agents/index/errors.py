"""What goes wrong with the code index."""

from __future__ import annotations

from agents.errors import AgentError


class IndexUnusable(AgentError, OSError):
    """Raised when an index file cannot be read or written: no room, no right, or damaged while it was open."""
