"""Some of the kills, for each change; `make soak` makes all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers import Postgres, Redis
from tests.soak.arena import Arena


@pytest.mark.parametrize("kind", ["embedded", "celery"])
def test_workers_that_are_killed_at_their_journals_boundaries_lose_and_double_nothing(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    redis: Redis | None = request.getfixturevalue("redis") if kind == "celery" else None
    postgres: Postgres | None = request.getfixturevalue("postgres") if kind == "celery" else None
    if redis is not None:
        redis.client.flushall()
    arena = Arena(tmp_path, kind, 10, redis, postgres)
    arena.file(4)
    arena.work_off()
    arena.check()
    assert len(arena.book.told("deaths")) >= 10
    assert arena.asked_again() == 0
    assert max(arena.pauses()) < 15.0
