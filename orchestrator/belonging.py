"""Belonging: a store's jobs lie in the depots of one state directory. Who has another does not work on them, and says why."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Engine

from orchestrator.errors import StoreError
from orchestrator.tables import states

_ID = "id"


def check(engine: Engine, state: Path) -> None:
    """Have a store belong to `state`, if it belongs to none yet. Raises `StoreError` where it belongs to another."""
    mine = _id_of(state)
    with engine.connect() as connection:
        row = connection.execute(sa.select(states)).first()
    if row is None:
        with engine.execution_options(write=True, durable=True).begin() as connection:
            row = connection.execute(sa.select(states)).first()
            if row is None:
                values = {"id": mine, "machine": socket.gethostname(), "path": os.fsencode(state)}
                connection.execute(states.insert().values(values))
                return
    if row.id != mine:
        raise StoreError(
            f"the store belongs to the state directory {os.fsdecode(row.path)} of {row.machine}, where its jobs' work lies: machines that "
            f"share a store share that directory (a volume that all of them mount); {state} is another"
        )


def _id_of(state: Path) -> str:
    """Return what tells a state directory from others, made once."""
    file = state / _ID
    if not file.exists():
        fresh = state / f".{_ID}-{secrets.token_hex(4)}"
        fresh.write_text(secrets.token_hex(16), "ascii")
        try:
            # Of two that make one at once, the first counts.
            os.link(fresh, file)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return file.read_text("ascii")
