"""What can go wrong while judging. A suite that fails or does not start is a value, not an error."""


class VerifierError(Exception):
    """Raised when judging itself cannot go on."""


class ProtocolBroken(VerifierError, RuntimeError):
    """Raised when the process inside the sandbox sends what the channel's protocol does not allow."""


class SuiteNotStarted(VerifierError, RuntimeError):
    """Raised when a fork server cannot import the suite; the message holds what the suite printed."""
