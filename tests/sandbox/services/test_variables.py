"""Variables that tell tests where their services are."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import PostgresService, RedisService, Services, service_variables


def test_what_is_usual_is_told_and_what_is_named_wins() -> None:
    services = Services(
        postgres=PostgresService("app", "shop"),
        redis=RedisService(),
        environment={
            "DATABASE_URL": "postgresql://{postgres.user}@/{postgres.database}?host={postgres.host}",
            "REDIS_URL": "unix://{redis.socket}?db=1",
            "DATA": '{"path": "{sqlite.data}"}',
        },
    )
    assert service_variables(services, {"data": Path("/d/data.db")}) == {
        "PGHOST": "/run/services/postgres",
        "PGUSER": "app",
        "PGDATABASE": "shop",
        "DATABASE_URL": "postgresql://app@/shop?host=/run/services/postgres",
        "REDIS_URL": "unix:///run/services/redis/redis.sock?db=1",
        "DATA": '{"path": "/d/data.db"}',
    }


@pytest.mark.parametrize("value", ["{postgres.host}", "{redis.port}", "{sqlite.other}"])
def test_a_place_of_nothing_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"names nothing; there is \{redis\.socket\}, \{sqlite\.data\}"):
        service_variables(Services(redis=RedisService(), environment={"X": value}), {"data": Path("/d")})
