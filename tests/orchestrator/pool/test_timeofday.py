"""A pool that grows at night: how many replicas there may be goes by the clock, and what is too many by day is drained."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from orchestrator.pool.spec import ModelTable, PoolFile
from orchestrator.pool.timeofday import Bounds, TimeOfDay
from tests.orchestrator.pool.pools import pool, table

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = ({"when": "mon-fri 20:00-06:00", "replicas": 4, "least": 2}, {"when": "sun 00:00-24:00", "replicas": 0})


def model(*hours: Any) -> ModelTable:
    return ModelTable(engine="vllm", model="m", replicas=2, least=1, hours=hours)


@pytest.mark.parametrize(
    ("moment", "bounds"),
    [
        ("2026-11-23T19:59", Bounds(2, 1)),
        ("2026-11-23T20:00", Bounds(4, 2)),
        ("2026-11-24T05:59", Bounds(4, 2)),
        ("2026-11-24T06:00", Bounds(2, 1)),
        ("2026-11-28T05:59", Bounds(4, 2)),
        ("2026-11-28T20:00", Bounds(2, 1)),
        ("2026-11-29T12:00", Bounds(0, 0)),
        ("2026-11-30T05:00", Bounds(2, 1)),
    ],
)
def test_the_clock_says_how_many_there_may_be(moment: str, bounds: Bounds) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=BERLIN).timestamp()
    assert TimeOfDay(model(*NIGHTS), BERLIN, lambda: at).bounds == bounds


def test_it_is_noticed_when_hours_begin_and_when_the_clock_is_set_back() -> None:
    now = [datetime(2026, 11, 23, 19, 59, 58, tzinfo=BERLIN).timestamp()]
    hours = TimeOfDay(model(*NIGHTS), BERLIN, lambda: now[0])
    told = [hours.bounds.most]
    for step in (10, -10):
        now[0] += step
        told.append(hours.bounds.most)
    assert told == [2, 4, 2]


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ({"when": "at night", "replicas": 1}, "write 22:00-06:30"),
        ({"when": "22:00-06:00", "replicas": 1, "least": 2}, "`least` is at most `replicas`"),
        ({"when": "22:00-06:00", "replica": 1}, "replica"),
    ],
    ids=["when", "least", "key"],
)
def test_hours_that_are_none_are_refused(hours: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        model(hours)


def test_a_zone_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="no time zone that this machine knows"):
        PoolFile(zone="Mars/Olympus", models={"m": model()})


def test_what_is_too_many_when_hours_end_is_drained_and_at_none_it_is_said(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    when = f"{now - timedelta(hours=2):%H:%M}-{now + timedelta(hours=2):%H:%M}"
    night = f'hours = [{{ when = "{when}", replicas = 2 }}, {{ when = "00:00-24:00", replicas = 0 }}]\n'
    text = 'zone = "{zone}"\n' + table(tmp_path / "state", "coder", night, "--token-s", "0.1")
    with pool(tmp_path, text.replace("{zone}", "Etc/UTC")) as made:
        made.until(lambda: len(made.up()) == 2)
        statuses: list[int] = []
        callers = [threading.Thread(target=lambda: statuses.append(made.ask(max_tokens=40))) for _ in range(4)]
        for each in callers:
            each.start()
        made.until(lambda: [each["running"] for each in made.replicas()] == [2, 2])
        # Twelve hours on it is day.
        made.file.write_text(f"port = 0\n{text.replace('{zone}', 'Etc/GMT-12')}", "utf-8")
        assert made.run("up", str(made.file)).returncode == 0
        made.until(lambda: {each["state"] for each in made.replicas()} == {"draining"})
        for each in callers:
            each.join()
        assert statuses == [200] * 4
        made.until(lambda: made.replicas() == [])
        assert made.ask() == 503
