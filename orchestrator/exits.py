"""Exit statuses: the one place that maps reports, and the errors of every package, to what a command exits with."""

from __future__ import annotations

from orchestrator.errors import BadConfig, OrderRefused, UnknownOption, UnknownTicket
from orchestrator.forges.errors import UnknownForge
from orchestrator.records import Status
from sandbox import SandboxUnavailable
from shadowfs import DriverUnavailable, NotPinnable, RefusedPath, UnknownCommit

VERIFIED, FAILED, USAGE, NO_FIX, PAUSED, UNVERIFIED = 0, 1, 2, 3, 4, 5

_BY_STATUS = {
    Status.VERIFIED: VERIFIED,
    Status.ACCEPTED: VERIFIED,
    Status.NO_FIX: NO_FIX,
    Status.PAUSED: PAUSED,
    Status.STOPPED: PAUSED,
    Status.UNVERIFIED: UNVERIFIED,
}

_WRONG_USAGE = (
    BadConfig,
    OrderRefused,
    UnknownOption,
    UnknownTicket,
    UnknownCommit,
    UnknownForge,
    NotPinnable,
    RefusedPath,
    DriverUnavailable,
    SandboxUnavailable,
)
"""What a person repairs by typing or configuring something else."""


def exit_of_status(status: Status) -> int:
    """Return the exit status of a command whose job ended in `status`."""
    return _BY_STATUS.get(status, FAILED)


def exit_of_error(error: BaseException) -> int:
    """Return the exit status of a command that ended in `error`."""
    # Most commands need no agents, whose import takes a while.
    from agents import ModelError, Trouble

    configured = (Trouble.NO_ADDRESS, Trouble.NO_LIBRARY, Trouble.WRONG_KEY, Trouble.UNKNOWN_MODEL)
    if isinstance(error, _WRONG_USAGE) or (isinstance(error, ModelError) and error.trouble in configured):
        return USAGE
    return FAILED
