"""Nodes in processes of their own: `nightcrew worker` on a state directory, a store and a broker that tests start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.roomy import ROOMY

_WAIT_S = 240.0


@dataclass(slots=True)
class Place:
    """A machine, as far as nightcrew sees one: its state, its environment."""

    state: Path
    broker: str
    store: str | None = None
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        self.log = self.state.parent / f"{self.state.name}.log"

    @property
    def environ(self) -> dict[str, str]:
        named = {"NIGHTCREW_BROKER": self.broker, "XDG_CONFIG_HOME": str(ROOMY)}
        if self.store is not None:
            named["NIGHTCREW_STORE"] = self.store
        return {**os.environ, **named}

    def command(self, *words: str) -> list[str]:
        return [str(Path(sys.executable).parent / "nightcrew"), "--state", str(self.state), *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*words), env=self.environ, capture_output=True, text=True, check=False, timeout=_WAIT_S
        )

    @contextmanager
    def node(self, workers: int = 1, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """Have workers run for as long as the block lasts; whatever is left of them then is killed."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.command("worker", "--workers", str(workers), *words), env=self.environ, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            end(process, signal.SIGTERM)


def end(process: subprocess.Popen[bytes], sign: signal.Signals) -> int:
    """End a node, and what is left of its processes; return its status."""
    if process.poll() is not None:
        return process.returncode
    below = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(sign)
    try:
        return process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(10)
    finally:
        for each in below:
            if sign is not signal.SIGTERM and each.is_running():
                each.kill()
        psutil.wait_procs(below, 30)


def until(what: Callable[[], bool], log: Path) -> None:
    """Wait until something holds."""
    last = time.monotonic() + _WAIT_S
    while not what():
        assert time.monotonic() < last, log.read_text("utf-8")[-4000:]
        time.sleep(0.1)
