"""Stand-ins and fronts that tests start: each stand-in is a process, a front a server in a thread."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from orchestrator.pool.front import Front
from orchestrator.pool.keys import ANYBODY, Doorman, Holder
from orchestrator.pool.ledger import Ledger
from orchestrator.pool.line import Line
from orchestrator.pool.served import Models, Served
from orchestrator.pool.serving import Connection
from orchestrator.pool.upstream import Upstream

ROOT = Path(__file__).parents[3]
_START_S = 60.0


@dataclass(frozen=True, slots=True)
class Standing:
    """A stand-in that runs."""

    port: int

    def fault(self, kind: str, after: int = 0) -> None:
        """Have the next request meet a fault."""
        self._tell("faults", [{"kind": kind, "after": after}])

    def clear(self) -> None:
        """Have it forget faults and replies that are to come, and what it saw."""
        self._tell("clear", None)

    def say(self, *replies: dict[str, Any]) -> None:
        """Script the next replies."""
        self._tell("script", replies)

    @property
    def seen(self) -> list[dict[str, Any]]:
        """Return the requests that came."""
        return list(self._tell("seen", None))

    @property
    def metrics(self) -> bytes:
        """Return the engine's own figures as it tells them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
            told: bytes = answer.read()
        return told

    def metric(self, name: str) -> float:
        """Return one of them."""
        lines = self.metrics.decode().splitlines()
        return float(next(line.rpartition(" ")[2] for line in lines if line.startswith(f"vllm:{name}{{")))

    def _tell(self, what: str, value: object) -> Any:
        url = f"http://127.0.0.1:{self.port}/standin/{what}"
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(value).encode()), timeout=30) as answer:
            return json.load(answer)


def words(port: int | str, *more: str) -> list[str]:
    """Return how a stand-in is started."""
    return [sys.executable, "-m", "tests.orchestrator.pool.standin", "--port", str(port), *more]


@contextmanager
def standins(count: int, *more: str) -> Iterator[list[Standing]]:
    """Have so many stand-ins run."""
    started: list[tuple[Standing, subprocess.Popen[bytes]]] = []
    with ExitStack() as opened:
        for _ in range(count):
            port = free_port()
            process = subprocess.Popen(words(port, *more), cwd=ROOT)
            opened.callback(process.wait)
            opened.callback(process.kill)
            started.append((Standing(port), process))
        for each, process in started:
            _wait(each, process)
        yield [each for each, _ in started]


@dataclass(slots=True)
class Fronting:
    """A front that answers."""

    url: str
    port: int
    front: Front
    served: Served
    loop: asyncio.AbstractEventLoop

    def until(self, holds: Any) -> None:
        """Wait until something holds."""
        last = time.monotonic() + _START_S
        while not holds():
            assert time.monotonic() < last
            time.sleep(0.01)


@contextmanager
def fronting(
    folder: Path,
    replicas: Sequence[Standing],
    holders: Sequence[Holder] = (),
    anybody: Holder = Holder(ANYBODY),
    at_once: int = 32,
    first_s: float = 30.0,
) -> Iterator[Fronting]:
    """Have a front answer for a model `stand-in`, which is `edit` too, on these replicas."""
    made: list[Fronting] = []
    up, over = threading.Event(), threading.Event()

    async def serve() -> None:
        served = Served("stand-in", ("edit",), Line(time.monotonic))
        for at, each in enumerate(replicas):
            served.open(f"replica-{at}", Upstream(each.port, first_s=first_s, idle_s=first_s), at_once)
        with closing(Ledger(folder / "ledger.db", time.time)) as ledger, socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            port = listening.getsockname()[1]
            front = Front(Models([served]), Doorman(holders, anybody, time.monotonic), ledger)
            config = uvicorn.Config(front, http=Connection, lifespan="off", log_level="warning", access_log=False)
            server = uvicorn.Server(config)
            made.append(Fronting(f"http://127.0.0.1:{port}/v1", port, front, served, asyncio.get_running_loop()))
            listening.listen(1024)
            serving = asyncio.ensure_future(server.serve(sockets=[listening]))
            up.set()
            await asyncio.to_thread(over.wait)
            server.should_exit = True
            await serving
            for at in range(len(replicas)):
                served.shut(f"replica-{at}")
            # What was aborted is gone with the next round of the loop.
            await asyncio.sleep(0)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert up.wait(_START_S)
        yield made[0]
    finally:
        over.set()
        thread.join()


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(standing: Standing, process: subprocess.Popen[bytes]) -> None:
    last = time.monotonic() + _START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", standing.port), 1).close()
            return
        except OSError:
            assert time.monotonic() < last and process.poll() is None, "the stand-in does not start"
            time.sleep(0.05)
