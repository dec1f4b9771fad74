"""Stand-ins that a module's tests share: starting one takes half a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.orchestrator.pool.standins import Fronting, Standing, fronting, standins


@pytest.fixture(scope="module")
def pair() -> Iterator[list[Standing]]:
    with standins(2) as started:
        yield started


@pytest.fixture
def two(pair: list[Standing]) -> list[Standing]:
    """Return two stand-ins that saw nothing yet."""
    for each in pair:
        each.clear()
    return pair


@pytest.fixture
def front(two: list[Standing], tmp_path: Path) -> Iterator[Fronting]:
    """Return a front before the two."""
    with fronting(tmp_path, two) as made:
        yield made
