"""Reasons for an agent to stop. They are exception types, raised by the workspace, and not caught by agents, `BadPattern` apart."""


class AgentError(Exception):
    """Raised when an agent cannot go on."""


class BadPattern(AgentError, ValueError):
    """Raised when what is searched for is no regular expression, or one that takes too long; whoever searches is told."""


class OutOfBudget(AgentError, TimeoutError):
    """Raised when a workspace's budget (seconds, tokens, dollars) is spent; the job pauses with its work kept."""


class Stopped(AgentError, RuntimeError):
    """Raised when somebody stopped the job or the worker lost its lease."""
