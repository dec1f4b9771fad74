"""The keeper: its engine ends with its owner, and so does all that the engine started, even what tried to get away."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil

from orchestrator.pool import keeper

_SCRIPT = "trap '' TERM; (setsid sleep 1000 & echo $! >away); sleep 1000 & echo $! >below; echo $$ >engine; wait; wait"


def keep(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-I", str(keeper.__file__), "0.2", *words]
    return subprocess.Popen(line, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)


def started(folder: Path) -> list[psutil.Process]:
    """Wait for the script's processes."""
    files = [folder / name for name in ("away", "below", "engine")]
    last = time.monotonic() + 30
    while not all(file.exists() and file.read_text().strip() for file in files):
        assert time.monotonic() < last
        time.sleep(0.01)
    return [psutil.Process(int(file.read_text())) for file in files]


def test_all_that_an_engine_started_ends_with_the_owner(tmp_path: Path) -> None:
    with keep(tmp_path, "sh", "-c", _SCRIPT) as kept:
        running = started(tmp_path)
        assert kept.stdin is not None
        kept.stdin.close()
        assert psutil.wait_procs(running, timeout=30)[1] == []
        kept.wait(30)


def test__a_keeper_that_is_killed_takes_the_engine_along(tmp_path: Path) -> None:
    with keep(tmp_path, "sleep", "1000") as kept:
        last = time.monotonic() + 30
        while not (below := psutil.Process(kept.pid).children()) or below[0].name() != "sleep":
            assert time.monotonic() < last
            time.sleep(0.01)
        kept.kill()
        assert psutil.wait_procs(below, timeout=30)[1] == []


def test__the_status_of_an_engine_is_passed_on(tmp_path: Path) -> None:
    with keep(tmp_path, "sh", "-c", "exit 7") as kept:
        assert kept.wait(30) == 7
    with keep(tmp_path, "/no/such/program") as kept:
        assert kept.wait(30) == 127 and kept.stderr is not None
        assert b"/no/such/program cannot be started" in kept.stderr.read()
