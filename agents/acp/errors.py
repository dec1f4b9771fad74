"""What can go wrong with an agent of the protocol: with itself, or with one thing that it asks for."""

from __future__ import annotations

from agents.errors import AgentError

INVALID_PARAMS = -32602
NO_METHOD = -32601
NOT_DONE = -32603


class AcpTrouble(AgentError, RuntimeError):
    """Raised when there is no going on with an agent: it ended, fell silent, floods, wants to log in, or speaks something else.

    `why` says what happened, `needs` what to do.
    """

    def __init__(self, why: str, needs: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.needs = needs


class Declined(AgentError, ValueError):
    """Raised when one side refuses what the other asks for; the conversation goes on."""

    def __init__(self, why: str, code: int = INVALID_PARAMS) -> None:
        super().__init__(why)
        self.code = code
