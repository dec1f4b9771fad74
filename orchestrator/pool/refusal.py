"""Why a request gets no reply, in the form of OpenAI's API, which clients know how to read."""

from __future__ import annotations

import json
from collections.abc import Mapping

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class Refusal(Exception):
    """Raised when a request gets no reply: the HTTP status, a code that programs read, and what to do about it.

    `elsewhere` says that another replica may answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        elsewhere: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.headers = headers or {}
        self.elsewhere = elsewhere

    def document(self) -> bytes:
        """Return the error as JSON."""
        kind = _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "api_error")
        if self.code == "insufficient_quota":
            kind = self.code
        error = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        return json.dumps({"error": error}).encode()

    def event(self) -> bytes:
        """Return the error as the last event of a stream that has begun."""
        return b"data: " + self.document() + b"\n\n"
