"""Whether a job may begin now, and when next: by hours, by what was spent in the window, by the repository."""

from __future__ import annotations

from pathlib import Path

from orchestrator.schedule import Opening, Schedule, Window, opening, read_hours, schedule_of
from orchestrator.working.allowance import Amount
from tests.orchestrator.schedule.test_windows import BERLIN, at

NIGHT = Schedule(hours=(read_hours("22:00-06:30"),), zone=BERLIN, limit=Amount(usd=5.0, tokens=1_000))


def nothing(_: Schedule, __: Window) -> Amount:
    return Amount(0.0, 0)


def test_without_a_schedule_a_job_may_begin_at_any_time() -> None:
    assert opening(None, 0.0, nothing) == Opening(True)


def test_outside_of_the_hours_it_is_told_when_they_begin() -> None:
    assert opening(NIGHT, at("2026-11-22 23:00"), nothing).now
    assert opening(NIGHT, at("2026-11-22 12:00"), nothing) == Opening(
        False, at("2026-11-22 22:00"), "outside of its hours"
    )


def test_at_the_limit_of_a_window_it_is_the_next_window_that_is_waited_for() -> None:
    asked = []

    def spent(schedule: Schedule, window: Window) -> Amount:
        asked.append((schedule, window))
        return Amount(5.0, 10)

    found = opening(NIGHT, at("2026-11-22 23:00"), spent)
    assert found == Opening(False, at("2026-11-23 22:00"), "the $5 of this window are spent")
    assert asked == [(NIGHT, Window(at("2026-11-22 22:00"), at("2026-11-23 06:30")))]
    tokens = opening(NIGHT, at("2026-11-22 23:00"), lambda *_: Amount(1.0, 1_000))
    assert tokens.why == "the 1,000 tokens of this window are spent"


def test_windows_that_adjoin_go_on_at_once_where_one_is_spent() -> None:
    both = Schedule(hours=(read_hours("22:00-24:00"), read_hours("00:00-06:30")), zone=BERLIN, limit=Amount(usd=5.0))
    found = opening(both, at("2026-11-22 23:00"), lambda *_: Amount(9.0, 0))
    assert found.at == at("2026-11-23 00:00")


def test_the_first_schedule_that_names_a_repository_holds_for_it() -> None:
    apps, rest = Schedule(repositories=("/src/apps/*", "website")), Schedule()
    for path, wanted in (
        ("/src/apps/one", apps),
        ("/src/apps/one/inner", apps),
        ("/srv/website", apps),
        ("/src/apps", rest),
        ("/src/appsone", rest),
    ):
        assert schedule_of((apps, rest), Path(path)) is wanted
    assert schedule_of((apps,), Path("/elsewhere")) is None
