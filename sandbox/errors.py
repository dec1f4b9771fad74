"""What can go wrong while running commands. A command that fails is a value (`Completed`), not an error."""


class SandboxError(Exception):
    """Raised when a sandbox cannot be opened or used."""


class SandboxUnavailable(SandboxError, RuntimeError):
    """Raised when the asked-for sandbox does not work on this machine; nothing weaker is used in its place."""


class EngineAway(SandboxUnavailable):
    """Raised when a Docker engine does not answer, or went away."""


class HostsAway(EngineAway):
    """Raised when none of several hosts answers, or has room: nothing is wrong with what was to run there."""


class OutOfSight(SandboxUnavailable):
    """Raised when an engine's containers are not seen from here: its machine is another one, or shut off."""


class ServiceUnavailable(SandboxUnavailable):
    """Raised when a service that the tests need cannot be given: it is not installed, does not start, or its data cannot be made."""


class SandboxClosed(SandboxError, RuntimeError):
    """Raised when a command is given to a sandbox that has ended."""
