"""What end-to-end tests share: an installation is removed when the session ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.installed import remove_installation


@pytest.fixture(scope="session", autouse=True)
def _clean() -> Iterator[None]:
    yield
    remove_installation()
