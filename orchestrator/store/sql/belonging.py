"""Belonging: a store's jobs lie in the depots of one state directory, or of several that exchange what they have. Who has another does not work on them."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy import URL, Engine

from orchestrator.dispatch.abilities import PLACE
from orchestrator.errors import StoreError
from orchestrator.store.sql.schema import transaction
from orchestrator.store.sql.store import SqlStore
from orchestrator.store.sql.tables import states

if TYPE_CHECKING:
    from orchestrator.cluster.carrying import Exchange

_ID = "id"


def open_store(
    state: Path, at: str | Path, exchange: Exchange | None, clock: Callable[[], float] | None = None
) -> SqlStore:
    """Open the store at a file of the state directory, or at a server's address. Raises `StoreError`."""
    if isinstance(at, Path):
        return SqlStore(URL.create("sqlite", database=str(at)), clock)
    if exchange is None:
        store = SqlStore(at, clock)
    else:
        from orchestrator.cluster.carrying import CarryingStore

        store = CarryingStore(at, clock, state, exchange)
    try:
        check(store.engine, state, shared=exchange is not None)
    except BaseException:
        store.close()
        raise
    return store


def check(engine: Engine, state: Path, *, shared: bool = False) -> None:
    """Have a store belong to `state`, if it belongs to none yet; one that is `shared` belongs to several. Raises `StoreError` where it belongs to another."""
    mine = _id_of(state)
    query = sa.select(states).where(states.c.id == mine) if shared else sa.select(states).order_by(states.c.id != mine)
    with engine.connect() as connection:
        row = connection.execute(query).first()
    if row is None:
        with transaction(engine, durable=True) as connection:
            row = connection.execute(query).first()
            if row is None:
                values = {"id": mine, "machine": socket.gethostname(), "path": os.fsencode(state)}
                connection.execute(states.insert().values(values))
                return
    if row.id != mine:
        raise StoreError(
            f"the store belongs to the state directory {os.fsdecode(row.path)} of {row.machine}, where its jobs' work lies: machines that "
            f"share a store share that directory (a volume that all of them mount), or exchange depots (`depots.url`); {state} is another"
        )


def place_of(state: Path) -> str:
    """Return the ability that a state directory's machine alone has: to work on repositories that lie on it."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    return f"{PLACE}{_id_of(state)[:16]}"


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
