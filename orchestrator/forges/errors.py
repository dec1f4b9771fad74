"""What can go wrong between nightcrew and a forge. Each message says what to do next."""

from __future__ import annotations

from orchestrator.errors import OrchestratorError


class ForgeUnavailable(OrchestratorError, RuntimeError):
    """Raised when a forge is down, slow, limits how often it is asked, or returns nonsense. `after_s` is how long it asks to be left alone."""

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class ForgeRefused(OrchestratorError, PermissionError):
    """Raised when a forge does not take the token, or does not let it do this, or has no such thing for it."""


class UnknownForge(OrchestratorError, LookupError):
    """Raised when no configured forge has an address or a repository."""


class NotPushable(OrchestratorError, RuntimeError):
    """Raised when a branch may not leave this machine, or what it is to replace is somebody else's."""
