"""Room: what has to be free before a job begins here."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from orchestrator.dispatch.room import Room, Watched


@pytest.mark.parametrize(
    ("room", "says"),
    [
        (Room(), ""),
        (Room(memory_bytes=1 << 60), "memory: "),
        (Room(disk_bytes=1 << 60), "disk: "),
        (Room(load=-1.0), "processors: "),
    ],
)
def test_what_there_is_too_little_of_is_said(room: Room, says: str, tmp_path: Path) -> None:
    assert room.lacks(tmp_path / "to" / "come").startswith(says)
    assert bool(room.lacks(tmp_path)) == bool(says)


def test_it_is_logged_once_when_it_begins(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        short, enough = Watched(Room(disk_bytes=1 << 60), tmp_path), Watched(Room(), tmp_path)
        assert short() and short() and not enough()
    (record,) = caplog.records
    assert record.getMessage().startswith("no job begins here: disk: ")
