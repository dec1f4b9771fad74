"""What can go wrong with the pool besides single requests."""

from orchestrator.errors import OrchestratorError


class PoolError(OrchestratorError, RuntimeError):
    """Raised when a pool cannot be brought up, changed or ended; the message has the engine's last words where those tell why."""
