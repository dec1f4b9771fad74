"""`make soak`: at least two hundred kills, and what must hold after them, as one JSON document."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.servers import postgres_server, redis_server
from tests.soak.arena import Arena
from tests.soak.victims import Killer


def main() -> None:
    """Kill, check, and print what was seen; a broken promise ends it with a traceback."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--kills", type=int, default=210, help="how many, a third each of three ways")
    asked = given.parse_args()
    share = -(-asked.kills // 3)
    seen: list[dict[str, object]] = []
    kills = 0
    with redis_server() as redis, postgres_server() as postgres:
        for name, kind, deaths, around in (
            ("embedded, SQLite, at journal boundaries", "embedded", share, 0),
            ("Celery, PostgreSQL, at journal boundaries", "celery", share, 0),
            ("Celery, PostgreSQL, everything around", "celery", 0, share),
        ):
            redis.client.flushall()
            with tempfile.TemporaryDirectory(prefix="soak-") as folder:
                servers = (redis, postgres) if kind == "celery" else (None, None)
                arena = Arena(Path(folder), kind, deaths, *servers)
                # A ticket takes some seven lives, or lives through about one kill around it.
                arena.file(max(2, deaths // 7 + around))
                killer = Killer(arena, around)
                arena.work_off(killer)
                while killer.left:
                    arena.file(killer.left)
                    arena.work_off(killer)
                arena.check()
                kills += len(arena.book.told("deaths")) + arena.around()
                seen.append({"what": name, **_figures(arena)})
                sys.stderr.write(json.dumps(seen[-1]) + "\n")
    sys.stdout.write(json.dumps({"name": "soak", "kills": kills, "holds": kills >= asked.kills, "parts": seen}) + "\n")


def _figures(arena: Arena) -> dict[str, object]:
    deaths = arena.book.told("deaths")
    pauses = arena.pauses()
    again = arena.asked_again()
    assert again == 0 or not deaths, f"{again} journaled replies were asked for again"
    return {
        "tickets": len(arena.tickets),
        "kills": len(deaths) + arena.around(),
        "boundaries": dict(Counter(f"{each['side']} {each['write']}" for each in deaths)),
        "around": dict(arena.killed),
        "claimed again after, s": {"median": statistics.median(pauses), "most": max(pauses)} if pauses else {},
    }


if __name__ == "__main__":
    main()
