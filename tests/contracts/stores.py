"""The stores that the contracts hold for, each new and empty."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.store import Store
from orchestrator.store.memory.store import MemoryStore
from orchestrator.store.sql.store import SqlStore
from tests.servers import Postgres

STORES = ("file", "sqlite memory", "memory", "postgres")
SHARED = ("file", "postgres")
"""Those that several processes may have open."""


def address(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """Return the address of a new database."""
    if kind == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        return server.url()
    return f"sqlite:///{folder}/store.db" if kind == "file" else "sqlite://"


def open_store(kind: str, request: pytest.FixtureRequest, folder: Path, clock: Callable[[], float]) -> Store:
    """Open a new store."""
    return MemoryStore(clock) if kind == "memory" else SqlStore(address(kind, request, folder), clock)
