"""What end-to-end tests share: an installation is removed when the session ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.e2e.arena import ENGINE
from tests.e2e.installed import remove_installation


@pytest.fixture(scope="session", autouse=True)
def _clean() -> Iterator[None]:
    yield
    remove_installation()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out attacks over a remote engine that are not marked, unless an engine is named: each takes seconds."""
    left_out = [
        item
        for item in items
        if re.search(r"[\[-]remote[-\]]", item.name) and item.path.name.startswith("test_escapes") and not _always(item)
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _always(item: pytest.Item) -> bool:
    return ENGINE is not None or item.get_closest_marker("remotely") is not None
