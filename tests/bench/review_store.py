"""A store with many tickets whose jobs have ended, as months of use leave it; and a process that writes to one."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from orchestrator.records import AttemptRecord, AttemptState, Order, Status, Ticket
from orchestrator.settings import Settings
from orchestrator.store.codec import encode
from orchestrator.store.sql.schema import transaction
from orchestrator.store.sql.store import SqlStore
from orchestrator.store.sql.tables import attempts, jobs, journal, ledger, outbox, tickets, verdicts
from verifier import RungResult, Verdict
from verifier import Status as RungStatus

TICKETS = 10_000
_ENDS = (Status.VERIFIED, Status.ACCEPTED, Status.NO_FIX, Status.REJECTED, Status.UNVERIFIED)
_RUNGS = ("applies", "tamper", "diagnostics", "reproduce", "suite")


def fill(state: Path) -> list[str]:
    """Make a store with `TICKETS` tickets, and return their ids."""
    state.mkdir(mode=0o700)
    store = SqlStore(f"sqlite:///{state}/nightcrew.db")
    first = store.add(_ticket(0), Settings())
    with store.engine.connect() as connection:
        row = dict(connection.execute(sa.select(tickets)).mappings().one())
        job = dict(connection.execute(sa.select(jobs)).mappings().one())
    rows = [_rows(number, row, job, first.number) for number in range(1, TICKETS)]
    with transaction(store.engine) as connection:
        for table in (tickets, jobs, attempts, verdicts, outbox, ledger, journal):
            connection.execute(table.insert(), [each for made in rows for each in made.get(table.name, ())])
    store.close()
    return [_ticket(number).id for number in range(TICKETS)]


def touch(state: str, orders: Iterable[str]) -> None:
    """Change a job for each line of `orders`, and print when that was written."""
    store = SqlStore(f"sqlite:///{state}/nightcrew.db")
    for _ in orders:
        store.request_stop(1)
        print(time.time(), flush=True)
    store.close()


def _ticket(number: int) -> Ticket:
    day = f"26{1 + number % 12:02}{1 + number % 28:02}"
    text = (
        f"ticket {number}: total() leaves out the price at place {number}\n\n"
        + "It shows in the monthly report.\n" * 20
    )
    order = Order(text, Path("/home/somebody/shop"), failing=("tests/test_total.py::test_all",), user="somebody")
    return Ticket(f"{day}-{number:07}", f"ticket-{number}", order, 1.7e9 + 60.0 * number)


def _rows(number: int, row: dict[str, Any], job: dict[str, Any], first: int) -> dict[str, list[dict[str, Any]]]:
    ticket, at = _ticket(number), 1.7e9 + 60.0 * number
    key, status, tree = first + number, _ENDS[number % len(_ENDS)], f"{number:040x}"
    rungs = tuple(RungResult(name, RungStatus.PASS, f"{name} holds", (), 0.5) for name in _RUNGS)
    record = AttemptRecord(
        1, "repair", 0, AttemptState.PROPOSED, tree, f"Replace a in total {number}", "Because it fails."
    )
    spent = {"job": key, "fence": 1, "kind": "time", "seconds": 20.0, "reserved_usd": 0.0, "usd": 0.0, "at": at}
    return {
        "tickets": [{**row, "id": ticket.id, "slug": ticket.slug, "text": ticket.order.text.encode(), "filed_at": at}],
        "jobs": [{**job, "number": key, "ticket": ticket.id, "status": status, "updated_at": at}],
        "attempts": [{"job": key, "number": 1, "record": encode(record)}],
        "verdicts": [{"job": key, "base": tree, "tree": tree, "verdict": encode(Verdict(tree, tree, rungs)), "at": at}],
        "outbox": [{"job": key, "commit": tree, "branch": f"nightcrew/{ticket.id}", "done": True, "at": at}],
        "ledger": [{**spent, "tokens_in": 0, "tokens_out": 0, "reserved_tokens": 0}],
        "journal": [
            {"job": key, "attempt": 1, "number": step, "phase": phase, "kind": "run", "payload": "{}", "at": at}
            for step in range(1, 11)
            for phase in ("intent", "outcome")
        ],
    }
