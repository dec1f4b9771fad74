"""The report: how a pool stands and what was spent there. `nightcrew pool status --json` prints it, and the address tells it to who administers."""

from __future__ import annotations

import http.client
import json
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
    at = urlsplit(base_url)
    kind = http.client.HTTPSConnection if at.scheme == "https" else http.client.HTTPConnection
    connection = kind(at.hostname or "", at.port, timeout=wait_s)
    try:
        connection.request("GET", at.path.rstrip("/") + PATH, headers={"Authorization": f"Bearer {key}"} if key else {})
        answer = connection.getresponse()
        data = answer.read(_BYTES)
    except (OSError, http.client.HTTPException) as error:
        why = f"the pool at {base_url} cannot be reached ({one_line(str(error), 200)}): is it up?"
        raise PoolError(why) from error
    finally:
        connection.close()
    if answer.status in (401, 403):
        raise PoolError(
            f"the pool at {base_url} tells it to keys with `administers = true` alone: `key_env` names such"
        )
    try:
        if answer.status != 200:
            raise ValueError(f"it answered {answer.status}")
        return TypeAdapter(Report).validate_json(data)
    except (ValidationError, ValueError) as error:
        why = f"{base_url} does not answer as a pool of this version: take `pool = true` out of its table, or bring it up anew"
        raise PoolError(why) from error
