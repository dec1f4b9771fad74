"""Logs: one line for each record, as text or as JSON. No secret of an address is in them, and nothing that a terminal would obey."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

from orchestrator.plain import plain

FORMATS = ("text", "json")
ABOUT = ("job", "ticket", "attempt", "worker")
"""What a record may be about: `extra` of the call that logs."""
_PASSWORD = re.compile(r"(://[^\s/:@]*):[^\s/@]+@")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")


def log_to_stderr(form: str, worker: str = "") -> None:
    """Have this process log to standard error: warnings of all, and what our own packages tell."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(worker) if form == "json" else Text())
    logging.basicConfig(handlers=[handler])
    logging.getLogger("orchestrator").setLevel(logging.INFO)


class Lines(logging.Formatter):
    """A JSON object on a line of ASCII: time, level, logger, message, what it is about, and the traceback where there is one."""

    def __init__(self, worker: str = "") -> None:
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
        }
        about = {"worker": f"{self._worker}/{record.process}"} if self._worker else {}
        about |= {name: value for name in ABOUT if (value := getattr(record, name, None)) is not None}
        told |= about
        if record.exc_info:
            told["traceback"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(told, default=str)


class Text(logging.Formatter):
    """A line for people; what is untrusted in it stays on that line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = plain(without_secrets(record.message)).replace("\n", "\\n")
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:
        return plain(without_secrets(super().formatException(ei)))  # type: ignore[arg-type]


def without_secrets(text: str) -> str:
    """Return text without the passwords of addresses, and without keys that a header carries."""
    return _BEARER.sub(r"\1 ***", _PASSWORD.sub(r"\1:***@", text))
