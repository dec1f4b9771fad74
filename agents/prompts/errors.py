"""What keeps a prompt from being rendered."""

from __future__ import annotations

from agents.errors import AgentError


class PromptTooLong(AgentError, ValueError):
    """Raised when the frozen prefix alone does not fit: nothing in it may be left out."""
