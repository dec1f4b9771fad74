"""What can go wrong with a managed checkout. Each message says what to do next."""

from __future__ import annotations

from orchestrator.errors import OrchestratorError


class CheckoutRefused(OrchestratorError, ValueError):
    """Raised when a repository cannot be checked out: too large, without a commit, with paths that no tree may have."""


class SetupRefused(OrchestratorError, ValueError):
    """Raised when a set-up asks for what it may not have, or is written in a way that nobody can read."""


class SetupFailed(OrchestratorError, RuntimeError):
    """Raised when a set-up was run and did not end well."""
