"""What can go wrong while judging. A suite that fails or does not start is a value, not an error."""


class VerifierError(Exception):
    """Raised when judging itself cannot go on."""


class ProtocolBroken(VerifierError, RuntimeError):
    """Raised when the process inside the sandbox sends what the channel's protocol does not allow."""


class SuiteNotStarted(VerifierError, RuntimeError):
    """Raised when a fork server cannot import the suite; the message holds what the suite printed."""


class OutOfTime(VerifierError, TimeoutError):
    """Raised when the time for judging a case ends first; what was measured by then is no verdict."""


class ServerFailed(VerifierError, RuntimeError):
    """Raised when a language server cannot be started, died, or does not speak its protocol."""


class ServerSilent(VerifierError, TimeoutError):
    """Raised when a language server has not answered within the time it was given."""


class ServerRefused(VerifierError, ValueError):
    """Raised when a language server answers with an error, or says that it cannot do what is asked."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class LeaseEnded(VerifierError):
    """Raised when a leased language server cannot be shown the shadow as it is by now: start one on the shadow itself."""
