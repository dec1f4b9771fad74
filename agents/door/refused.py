"""Why the door gives no reply, as OpenAI's clients expect to be told."""

from __future__ import annotations

import json
from collections.abc import Mapping

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class Refused(Exception):
    """Raised when a call gets no reply: the HTTP status, a code that programs read, and what to do about it.

    `free` says that the model's server did no work for it: it answered with an error, or was not reached.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None, *, free: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}
        self.free = free

    def document(self) -> str:
        """Return the error as JSON."""
        kind = _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "api_error")
        return json.dumps({"error": {"message": str(self), "type": kind, "param": None, "code": self.code}})
