"""What several contracts of the store begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.store import Store
from tests.contracts.stores import STORES, open_store
from tests.contracts.test_store import Clock


@pytest.fixture
def moving() -> Clock:
    return Clock()


@pytest.fixture(params=STORES)
def queue(request: pytest.FixtureRequest, tmp_path: Path, moving: Clock) -> Iterator[Store]:
    opened = open_store(request.param, request, tmp_path, moving)
    yield opened
    opened.close()
