"""Pools that tests bring up: `nightcrew pool up` in a process of its own, on stand-ins."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.orchestrator.pool.standins import ROOT, words

_WAIT_S = 120.0
NIGHTCREW = str(Path(sys.executable).parent / "nightcrew")


@dataclass(slots=True)
class Pool:
    """A state directory, a pool's file, and the pool that may be up there."""

    state: Path
    file: Path
    process: subprocess.Popen[bytes] | None = None
    wait_s: float = _WAIT_S

    @property
    def log(self) -> str:
        return (self.state / "up.log").read_text("utf-8", "replace")

    def run(self, *more: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the pool."""
        line = [NIGHTCREW, "--state", str(self.state), "pool", *more]
        return subprocess.run(line, capture_output=True, text=True, check=False, timeout=self.wait_s, cwd=ROOT)

    def status(self) -> dict[str, Any]:
        """Return what `pool status --json` says."""
        told: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return told

    def replicas(self, model: str = "coder") -> list[dict[str, Any]]:
        """Return the replicas of a model as they stand in the pool's own file."""
        told = json.loads((self.state / "pool" / "status.json").read_text("utf-8"))
        return next(list(each["replicas"]) for each in told["models"] if each["name"] == model)

    def up(self, model: str = "coder") -> list[str]:
        """Return the names of the replicas that are up."""
        return sorted(each["name"] for each in self.replicas(model) if each["state"] == "up")

    def ask(self, model: str = "coder", **more: Any) -> int:
        """Ask for a short reply; return the status."""
        body = {"model": model, "messages": [{"role": "user", "content": "x"}], "max_tokens": 3, **more}
        told = json.loads((self.state / "pool" / "status.json").read_text("utf-8"))
        request = urllib.request.Request(f"{told['address']}/chat/completions", json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=_WAIT_S) as answer:
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds."""
        last = time.monotonic() + self.wait_s
        while not holds():
            assert time.monotonic() < last, self.log
            time.sleep(0.05)

    def engines(self) -> list[psutil.Process]:
        """Return the processes of stand-ins, and of their keepers, that this pool started."""
        mark = str(self.state)
        return [each for each in psutil.process_iter() if mark in _environ(each).get("POOL_OF", "")]


def _environ(process: psutil.Process) -> dict[str, str]:
    try:
        return dict(process.environ())
    except psutil.Error:
        return {}


def table(state: Path, name: str = "coder", more: str = "", *arguments: str) -> str:
    """Return the table of a model whose engine is a stand-in."""
    line = words("{port}", "--model", "{name}", *arguments)
    return (
        f'[models.{name}]\nengine = "command"\ncommand = {json.dumps(line)}\n'
        f'environment = {{ POOL_OF = "{state}", PYTHONPATH = "{ROOT}" }}\n{more}\n'
    )


@contextmanager
def pool(folder: Path, text: str = "", wait_s: float = _WAIT_S) -> Iterator[Pool]:
    """Bring a pool up; what is left of it at the end is ended."""
    state = folder / "state"
    state.mkdir(parents=True)
    made = Pool(state, folder / "pool.toml", wait_s=wait_s)
    made.file.write_text(f"port = 0\n{text or table(state)}", "utf-8")
    with (state / "up.log").open("wb") as log:
        line = [NIGHTCREW, "--state", str(state), "pool", "up", str(made.file)]
        made.process = subprocess.Popen(
            line, stdout=log, stderr=log, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
    try:
        made.until(lambda: "answers at" in made.log or made.process is None or made.process.poll() is not None)
        yield made
    finally:
        if made.process.poll() is None:
            made.process.send_signal(signal.SIGTERM)
            made.process.wait(_WAIT_S)
