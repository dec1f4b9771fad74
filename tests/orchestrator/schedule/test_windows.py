"""Hours open the right stretches of time, also over midnight and on the two nights when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.schedule import (
    Hours,
    Window,
    first_instant,
    machine_zone,
    named_zone,
    read_hours,
    windows,
)

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")] + [
    UTC
]
HOUR_S = 3_600.0


def at(text: str, zone: tzinfo = BERLIN, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


def first(hours: str, now: float, zone: tzinfo = BERLIN) -> Window:
    return windows((read_hours(hours),), zone, now)[0]


def test_hours_over_midnight_are_open_on_both_sides_of_it() -> None:
    night = Window(at("2026-11-22 22:00"), at("2026-11-23 06:30"))
    for now in ("2026-11-22 22:00", "2026-11-22 23:59", "2026-11-23 00:00", "2026-11-23 06:29"):
        assert first("22:00-06:30", at(now)) == night and night.holds(at(now))
    assert not night.holds(at("2026-11-23 06:30"))
    assert first("22:00-06:30", at("2026-11-23 06:30")).begins_at == at("2026-11-23 22:00")


def test_days_are_those_on_which_a_night_begins() -> None:
    # 2026-11-27 is a Friday.
    friday = first("mon-fri 22:00-06:30", at("2026-11-28 03:00"))
    assert friday == Window(at("2026-11-27 22:00"), at("2026-11-28 06:30"))
    assert first("mon-fri 22:00-06:30", at("2026-11-28 07:00")).begins_at == at("2026-11-30 22:00")
    assert first("sat,sun 00:00-24:00", at("2026-11-27 12:00")) == Window(
        at("2026-11-28 00:00"), at("2026-11-29 00:00")
    )
    assert read_hours("sat-mon 1:00-2:00").days == {5, 6, 0}


def test_the_night_in_which_clocks_go_forward_is_an_hour_shorter() -> None:
    night = first("22:00-06:30", at("2026-03-29 01:00"))
    assert night == Window(at("2026-03-28 22:00"), at("2026-03-29 06:30"))
    assert night.ends_at - night.begins_at == 7.5 * HOUR_S


def test_the_night_in_which_clocks_go_back_is_an_hour_longer() -> None:
    night = first("22:00-06:30", at("2026-10-25 01:00"))
    assert night.ends_at - night.begins_at == 9.5 * HOUR_S
    # Both passes of the hour that is there twice lie in it.
    assert all(night.holds(at("2026-10-25 02:30", fold=fold)) for fold in (0, 1))


def test_a_time_that_is_skipped_is_the_moment_of_the_jump() -> None:
    jump = at("2026-03-29 03:00")
    assert first_instant(datetime(2026, 3, 29, 2, 30), BERLIN) == jump
    assert first("02:30-04:00", jump - 60) == Window(jump, at("2026-03-29 04:00"))
    assert first("01:00-02:15", jump - 60) == Window(at("2026-03-29 01:00"), jump)


def test_hours_that_a_jump_swallows_are_open_on_the_next_day_that_has_them() -> None:
    assert first("02:10-02:50", at("2026-03-29 00:00")).begins_at == at("2026-03-30 02:10")
    assert first("sun 02:10-02:50", at("2026-03-29 00:00")).begins_at == at("2026-04-05 02:10")


def test_a_time_that_is_there_twice_begins_and_ends_at_its_first() -> None:
    window = first("02:15-02:45", at("2026-10-25 00:00"))
    assert window == Window(at("2026-10-25 02:15"), at("2026-10-25 02:45"))
    assert first("02:15-02:45", at("2026-10-25 02:20", fold=1)).begins_at == at("2026-10-26 02:15")


def test_without_hours_a_window_is_a_day_of_the_zone_however_long_it_is() -> None:
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-22", 24)):
        window = windows((), BERLIN, at(f"{day} 12:00"))[0]
        assert (window.begins_at, window.ends_at - window.begins_at) == (at(f"{day} 00:00"), hours * HOUR_S)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("22:00", "write 22:00-06:30"),
        ("mon tue 22:00-06:30", "write 22:00-06:30"),
        ("22:00-22:00", "00:00-24:00"),
        ("25:00-06:00", "nothing that a clock shows"),
        ("22:60-06:00", "nothing that a clock shows"),
        ("24:00-06:00", "nothing that a clock shows"),
        ("monday 22:00-06:30", "is no day"),
        ("mon- 22:00-06:30", "is no day"),
        ("١٠:٠٠-١١:٠٠", "nothing that a clock shows"),
    ],
)
def test_hours_that_are_none_are_told_with_what_is_right(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_hours(text)


def test_a_zone_that_nobody_knows_is_told() -> None:
    for name in ("Europe/Berlln", "../../etc/passwd", "", "\0"):
        with pytest.raises(ValueError, match="no time zone"):
            named_zone(name)


def test_the_machines_zone_is_what_its_environment_or_its_file_says(tmp_path: Path) -> None:
    berlin = Path("/usr/share/zoneinfo/Europe/Berlin")
    moment = datetime(2026, 7, 1, tzinfo=UTC)
    for environ, file, hours in (
        ({"TZ": "Asia/Tokyo"}, berlin, 9),
        ({"TZ": ":Asia/Tokyo"}, berlin, 9),
        ({"TZ": "nonsense/CET-1"}, berlin, 2),
        ({}, berlin, 2),
        ({}, tmp_path / "none", 0),
        ({}, Path(__file__), 0),
    ):
        assert moment.astimezone(machine_zone(environ, file)).utcoffset() == timedelta(hours=hours)


CLOCKS = st.integers(0, 24 * 60 - 1)
HOURS = st.builds(Hours, CLOCKS, CLOCKS, st.frozensets(st.integers(0, 6), min_size=1)).filter(
    lambda hours: hours.begin_min != hours.end_min
)
MOMENTS = st.integers(int(at("2026-01-01 00:00", UTC)), int(at("2027-12-31 00:00", UTC))).map(float)


def local(moment: float, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(moment, zone).replace(tzinfo=None)


@given(HOURS, st.sampled_from(ZONES), MOMENTS)
def test_a_window_begins_and_ends_when_the_clock_first_shows_it(hours: Hours, zone: tzinfo, now: float) -> None:
    for window in windows((hours,), zone, now):
        for edge, minutes in ((window.begins_at, hours.begin_min), (window.ends_at, hours.end_min)):
            shown, before = local(edge, zone), local(edge - 1, zone)
            wanted = shown.replace(hour=minutes // 60, minute=minutes % 60, second=0)
            assert before < wanted <= shown
            # It shows something later only where it skipped the time.
            assert wanted == shown or shown - before > timedelta(seconds=1)


@given(HOURS, st.sampled_from(ZONES), MOMENTS)
def test_a_moment_is_open_when_a_clock_that_never_changed_says_so(hours: Hours, zone: tzinfo, now: float) -> None:
    around = {datetime.fromtimestamp(now + days * 86_400, zone).utcoffset() for days in (-2, -1, 0, 1, 2)}
    if len(around) > 1:
        return
    shown = local(now, zone)
    minute, day = shown.hour * 60 + shown.minute, shown.weekday()
    if hours.over_midnight:
        open_now = (minute >= hours.begin_min and day in hours.days) or (
            minute < hours.end_min and (day - 1) % 7 in hours.days
        )
    else:
        open_now = hours.begin_min <= minute < hours.end_min and day in hours.days
    assert any(window.holds(now) for window in windows((hours,), zone, now)) == open_now


@given(st.lists(HOURS, max_size=3), st.sampled_from(ZONES), MOMENTS)
def test_there_is_always_a_window_now_or_later_and_none_is_empty(hours: list[Hours], zone: tzinfo, now: float) -> None:
    found = windows(hours, zone, now)
    assert found and all(window.begins_at < window.ends_at > now for window in found)
    assert list(found) == sorted(found, key=lambda window: window.begins_at)
    # What is next from any moment before it begins is the same.
    later = next((window for window in found if window.begins_at > now), None)
    assert later is None or later in windows(hours, zone, later.begins_at - 1)
