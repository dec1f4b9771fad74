"""What an engine said last: the last lines of its log, and the errors before them, among which the cause may be."""

from __future__ import annotations

import os
import re
from pathlib import Path

from orchestrator.plain import plain

_READ_BYTES, _LINE = 1 << 18, 300
_LINES, _ERRORS = 15, 3
_ERROR = re.compile(r"(?:^|\s)[\w.]*(?:Error|Exception): \S")


def last_words(log: Path, key: str) -> str:
    """Return the end of a log without a key; "" where there is none."""
    try:
        with log.open("rb") as file:
            begin = max(0, file.seek(0, os.SEEK_END) - _READ_BYTES)
            file.seek(begin)
            said = file.read()
    except OSError:
        return ""
    if begin:
        # Half a line may be half a key.
        said = said.partition(b"\n")[2]
    text = plain(said.decode("utf-8", "replace").replace(key, "***"))
    lines = [line if len(line) <= _LINE else f"{line[:_LINE]}…" for line in text.splitlines() if line.strip()]
    errors = dict.fromkeys(line for line in lines[:-_LINES] if _ERROR.search(line))
    return "\n".join((*[*errors][-_ERRORS:], *lines[-_LINES:]))
