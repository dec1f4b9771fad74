"""The command line's times and priorities, and what a schedule makes of `work`."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orchestrator.cli.entry import run
from tests.e2e.project import make_project
from tests.orchestrator.test_cli import NAMED, ask


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_project(tmp_path / "repository")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the machine's file, which nobody has written yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config/nightcrew").mkdir(parents=True)
    return tmp_path / "config/nightcrew/config.toml"


def test_a_ticket_is_filed_with_a_priority_a_time_and_a_deadline(
    capsys: pytest.CaptureFixture[str], repository: Path, state: Path
) -> None:
    words = ("--repo", repository, *NAMED, "--priority", "-3", "--at", "+2h", "--by", "+1d")
    status, filed = ask(capsys, state, "file", "the total is wrong", *words)
    assert status == 0, filed
    _, shown = ask(capsys, state, "show", filed["ticket"])
    now = time.time()
    assert shown["priority"] == -3
    assert 0 < now + 7_200 - shown["not_before"] < 60
    assert 0 < now + 86_400 - shown["deadline"] < 60
    assert run(["show", filed["ticket"], "--state", str(state)]) == 0
    assert "priority -3, not before " in capsys.readouterr().out
    # Its time has not come.
    assert ask(capsys, state, "work") == (0, {"jobs": [], "waiting": 1})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--by", "tomorrow"), "--by 'tomorrow' is no time: write 22:00"),
        (("--at", "25:00"), "--at '25:00' is no time"),
        (("--by", "2020-01-01 10:00"), "has passed: give a later one"),
        (("--at", "+2h", "--by", "+1h"), "give a later deadline"),
        (("--priority", "1001"), "-1000<=x<=1000"),
    ],
)
def test_times_that_are_none_are_refused_with_what_is_right(
    capsys: pytest.CaptureFixture[str], repository: Path, state: Path, words: tuple[str, ...], told: str
) -> None:
    status, answer = ask(capsys, state, "file", "the total is wrong", "--repo", repository, *NAMED, *words)
    assert (status, told in answer["error"]["message"]) == (2, True), answer


def test_outside_of_a_repositorys_hours_work_begins_nothing_and_says_that_it_waits(
    capsys: pytest.CaptureFixture[str], repository: Path, state: Path, configured: Path
) -> None:
    # A window of a minute, half a day away.
    later = time.gmtime(time.time() + 43_200)
    minute = later.tm_hour * 60 + min(later.tm_min, 58)
    hours = f"{minute // 60:02}:{minute % 60:02}-{minute // 60:02}:{minute % 60 + 1:02}"
    configured.write_text(f'[[schedule]]\nrepositories = ["repository"]\nhours = "{hours}"\nzone = "UTC"\n')
    ask(capsys, state, "file", "the total is wrong", "--repo", repository, *NAMED)
    assert ask(capsys, state, "work") == (0, {"jobs": [], "waiting": 1})
    assert ask(capsys, state, "work", "--workers", "3") == (0, {"jobs": [], "waiting": 1})


def test_a_schedule_that_is_wrong_is_named_before_anything_is_worked_on(
    capsys: pytest.CaptureFixture[str], state: Path, configured: Path
) -> None:
    configured.write_text('[[schedule]]\nhours = "22-6"\n')
    status, answer = ask(capsys, state, "work")
    assert (status, answer["error"]["kind"]) == (2, "bad-config")
    assert "`schedule.hours`" in answer["error"]["message"]


def test_a_message_is_kept_and_shown_with_its_ticket(
    capsys: pytest.CaptureFixture[str], repository: Path, state: Path
) -> None:
    words = ("--repo", repository, *NAMED, "--agent", "command:true")
    _, filed = ask(capsys, state, "file", "the total is wrong", *words)
    status, kept = ask(capsys, state, "message", filed["ticket"], "--text", "mind the cents")
    assert (status, kept["status"], kept["message"]["text"], kept["message"]["attempt"]) == (
        0,
        "queued",
        "mind the cents",
        None,
    )
    _, shown = ask(capsys, state, "show", filed["ticket"])
    assert [each["text"] for each in shown["messages"]] == ["mind the cents"]
    assert run(["show", filed["ticket"], "--state", str(state)]) == 0
    assert "mind the cents" in capsys.readouterr().out
    assert run(["message", filed["ticket"], "--text", " ", "--state", str(state)]) == 2
    assert "1 to 8,000 characters" in capsys.readouterr().err
