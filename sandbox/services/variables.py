"""Variables that tell tests where their services are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from sandbox.services import postgres, redis
from sandbox.services.services import Services

_PLACE = re.compile(r"\{([a-z0-9_]+\.[a-z0-9_]+)\}")
_REDIS = redis.SEEN / "redis.sock"


def variables(services: Services, sqlite: Mapping[str, Path]) -> dict[str, str]:
    """Return the variables of a branch whose databases of SQLite lie at `sqlite`. Raises ValueError for a name of nothing."""
    known = {f"sqlite.{name}": str(path) for name, path in sqlite.items()}
    told: dict[str, str] = {}
    if services.postgres is not None:
        user, database = services.postgres.user, services.postgres.database
        known |= {"postgres.host": str(postgres.SEEN), "postgres.user": user, "postgres.database": database}
        told |= {"PGHOST": str(postgres.SEEN), "PGUSER": user, "PGDATABASE": database}
    if services.redis is not None:
        known |= {"redis.socket": str(_REDIS)}
        told |= {"REDIS_URL": f"unix://{_REDIS}"}

    def place(found: re.Match[str]) -> str:
        if found[1] not in known:
            raise ValueError(f"{found[0]} names nothing; there is {', '.join(f'{{{name}}}' for name in sorted(known))}")
        return known[found[1]]

    return told | {name: _PLACE.sub(place, value) for name, value in services.environment.items()}
