"""Moments as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.schedule import read_moment
from tests.orchestrator.schedule.test_windows import BERLIN, at

NOW = at("2026-11-22 21:30")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("22:00", at("2026-11-22 22:00")),
        ("21:30", at("2026-11-23 21:30")),
        ("6:05", at("2026-11-23 06:05")),
        ("2026-11-23 06:30", at("2026-11-23 06:30")),
        ("2026-11-23T06:30", at("2026-11-23 06:30")),
        ("2020-01-01 00:00", at("2020-01-01 00:00")),
        ("+8h", NOW + 8 * 3600),
        ("+90m", NOW + 5400),
        ("+1.5d", NOW + 129_600),
    ],
)
def test_a_moment_is_in_local_time(text: str, moment: float) -> None:
    assert read_moment(text, NOW, BERLIN) == moment


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "8h", "+8", "+h", "24:00", "2026-13-01 10:00", "2026-11-23", "+99999999d", "22:00\0"]
)
def test_what_is_no_moment_is_told_with_what_is_right(text: str) -> None:
    with pytest.raises(ValueError, match="write 22:00"):
        read_moment(text, NOW, BERLIN)


@given(st.integers(int(at("2026-01-01 00:00")), int(at("2027-12-31 00:00"))), st.integers(0, 1439))
def test_a_time_of_day_lies_within_the_next_two_days(now: int, minutes: int) -> None:
    moment = read_moment(f"{minutes // 60}:{minutes % 60:02}", float(now), BERLIN)
    assert 0 < moment - now <= 25 * 3600 + 3600


@given(st.text(max_size=30))
def test_any_text_is_a_moment_or_is_refused(text: str) -> None:
    try:
        assert read_moment(text, NOW, BERLIN) > 0
    except ValueError as error:
        assert "is no time" in str(error)
