"""Which kind of file a CI has left, and what it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.builds.events import go_events, jest
from orchestrator.builds.junit import junit
from orchestrator.builds.logs import log
from orchestrator.builds.records import Red, UnreadableBuild
from orchestrator.builds.sarif import sarif

LIMIT_BYTES = 64 << 20
_BLANK = b"\xef\xbb\xbf \t\r\n"
_TAIL_BYTES = 4 << 20
"""So much of a log's end is looked at."""


def read_build(path: Path, repository: Path) -> Red:
    """Read what a red build left: JUnit XML, SARIF, JSON of jest or go, or a log.

    Raises `UnreadableBuild`, `OSError`.
    """
    with path.open("rb") as file:
        head = file.read(4096).lstrip(_BLANK)
    if head[:1] in (b"<", b"{"):
        return of_data(_whole(path), repository)
    return of_data(_end(path), repository)


def read_junit(path: Path, repository: Path) -> Red:
    """Read JUnit XML. Raises `UnreadableBuild`, `OSError`."""
    found = junit(_whole(path).lstrip(_BLANK), repository)
    if not found.failures:
        raise UnreadableBuild("it has no failed test: there is nothing to fix")
    return found


def read_log(path: Path, repository: Path) -> Red:
    """Read a log, whatever it looks like. Raises `UnreadableBuild`, `OSError`."""
    found = log(_end(path).decode("utf-8", "replace"), repository)
    if not found.ends:
        raise UnreadableBuild("it is empty: there is nothing to fix")
    return found


def _whole(path: Path) -> bytes:
    if path.stat().st_size > LIMIT_BYTES:
        raise UnreadableBuild(f"it has more than {LIMIT_BYTES >> 20} MB: give the file of the failed run alone")
    return path.read_bytes()


def _end(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return file.read(_TAIL_BYTES)


def of_data(data: bytes, repository: Path) -> Red:
    """Read the content of such a file. Raises `UnreadableBuild` where it tells of nothing that failed."""
    bare = data.lstrip(_BLANK)
    if bare.startswith(b"<") and b"<testcase" in bare:
        found = junit(bare, repository)
    elif bare.startswith(b"{"):
        found = _of_json(bare.decode("utf-8", "replace"), repository)
    else:
        found = log(data.decode("utf-8", "replace"), repository)
    if not found.failures and not found.ends.strip():
        raise UnreadableBuild("it tells of nothing that failed: there is nothing to fix")
    return found


def _of_json(text: str, repository: Path) -> Red:
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError):
        # Events come one a line: together they are no document.
        document = None
    if isinstance(document, dict) and (found := _of_document(document, repository)) is not None:
        return found
    return go_events(text) or log(text, repository)


def _of_document(document: Mapping[str, Any], repository: Path) -> Red | None:
    if isinstance(document.get("runs"), list):
        return sarif(document, repository)
    return jest(document, repository) if isinstance(document.get("testResults"), list) else None
