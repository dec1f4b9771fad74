"""The report: how a pool stands and what was spent there. `nightcrew pool status --json` prints it, and the address tells it to who administers."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from orchestrator.plain import one_line
from orchestrator.pool.errors import PoolError
from orchestrator.pool.ledger import Spent, Taken, read_spent, read_tickets, read_users
from orchestrator.pool.status import Folder, PoolStatus

PATH = "/nightcrew/report"
"""Below the address, which ends in `/v1`."""
_WAIT_S = 5.0
_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Report:
    """How a pool stands, None where none is `up`; what was `spent` by day, by the latest `tickets`, and by `users` today (UTC)."""

    up: bool
    pool: PoolStatus | None
    spent: tuple[Spent, ...] = ()
    tickets: tuple[Taken, ...] = ()
    users: tuple[Taken, ...] = ()

    @property
    def document(self) -> dict[str, object]:
        """Return it as JSON values."""
        return asdict(self)


def report_of(folder: Folder) -> Report:
    """Return the report of a pool by what it keeps on this machine. Raises `StoreError`."""
    status, ledger = folder.read(), folder.ledger
    if not ledger.exists():
        return Report(status is not None, status)
    return Report(status is not None, status, read_spent(ledger), read_tickets(ledger), read_users(ledger))


def told(folder: Folder) -> bytes:
    """Return the same as a document."""
    return json.dumps(report_of(folder).document).encode()


def ask_report(base_url: str, key: str = "", wait_s: float = _WAIT_S) -> Report:
    """Ask a pool's address (`http://…/v1`) for its report. Raises `PoolError`."""
    try:
        status, data = _asked(base_url, key, wait_s)
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = f"the pool at {base_url} cannot be reached ({one_line(str(error), 200)}): is it up?"
        raise PoolError(why) from error
    if status in (401, 403):
        why = f"the pool at {base_url} tells it to keys with `administers = true` alone: have `key_env` name such"
        raise PoolError(why)
    try:
        if status == 200:
            return TypeAdapter(Report).validate_json(data)
    except ValidationError as error:
        raise PoolError(_no_pool(base_url)) from error
    raise PoolError(_no_pool(base_url))


def _no_pool(base_url: str) -> str:
    return f"{base_url} does not answer as a pool of this version: take `pool = true` out of its table, or bring it up anew"


def _asked(base_url: str, key: str, wait_s: float) -> tuple[int, bytes]:
    at = urlsplit(base_url)
    kind = http.client.HTTPSConnection if at.scheme == "https" else http.client.HTTPConnection
    with closing(kind(at.hostname or "", at.port, timeout=wait_s)) as connection:
        connection.request("GET", at.path.rstrip("/") + PATH, headers={"Authorization": f"Bearer {key}"} if key else {})
        answer = connection.getresponse()
        return answer.status, answer.read(_BYTES)
