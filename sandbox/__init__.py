"""Run: commands under limits, seeing one tree at its own path and little else."""

from sandbox.errors import SandboxClosed, SandboxError, SandboxUnavailable
from sandbox.local import LocalDriver
from sandbox.sandbox import (
    Command,
    Completed,
    Ended,
    Limits,
    Policy,
    Process,
    Readiness,
    Root,
    Sandbox,
    SandboxDriver,
    Usage,
)
from sandbox.scratch import sweep

__all__ = [
    "Command",
    "Completed",
    "Ended",
    "Limits",
    "LocalDriver",
    "Policy",
    "Process",
    "Readiness",
    "Root",
    "Sandbox",
    "SandboxClosed",
    "SandboxDriver",
    "SandboxError",
    "SandboxUnavailable",
    "Usage",
    "sweep",
]
