"""What else is killed while workers work: they themselves whole, their sandboxes, their mounts, the broker, and what connects to the store."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import cycle

import psutil

from tests.soak.arena import Arena, end

_PAUSE_S, _WAIT_S = 2.0, 4.0


class Killer:
    """Kills one thing after the other, `most` in all (`left` is how many are to come), with a pause between; what is not there for a while is left for later."""

    def __init__(self, arena: Arena, most: int, seed: int = 7) -> None:
        self._arena = arena
        self.left = most
        self._next_at = time.monotonic() + _PAUSE_S
        self._chance = random.Random(seed)
        self._turns: Iterator[Callable[[subprocess.Popen[bytes]], str]] = cycle(
            (self._node, self._sandbox, self._mount, self._worker, self._broker, self._connections, self._database)
        )

        self._turn = next(self._turns)
        # Shorter and longer than a lease.
        self._away_s = cycle((1.0, 30.0))

    def __call__(self, process: subprocess.Popen[bytes]) -> None:
        """Kill what is next, if its time has come."""
        if self.left == 0 or time.monotonic() < self._next_at or process.poll() is not None:
            return
        what = self._turn(process)
        if what:
            self._arena.killed[what] += 1
            self.left -= 1
            self._next_at = time.monotonic() + _PAUSE_S * (0.5 + self._chance.random())
        if what or time.monotonic() > self._next_at + _WAIT_S:
            self._turn = next(self._turns)

    def _node(self, process: subprocess.Popen[bytes]) -> str:
        end(process, signal.SIGKILL)
        return "node"

    def _worker(self, process: subprocess.Popen[bytes]) -> str:
        return self._one(psutil.Process(process.pid).children(), "worker")

    def _sandbox(self, process: subprocess.Popen[bytes]) -> str:
        return self._one([each for each in _below(process) if _name(each) == "bwrap"], "sandbox")

    def _mount(self, process: subprocess.Popen[bytes]) -> str:
        # It lies in a mount namespace of its own, which tells it from all others.
        return self._one([each for each in _below(process) if "shadowfs" in _words(each)], "mount")

    def _one(self, found: list[psutil.Process], what: str) -> str:
        with suppress(psutil.NoSuchProcess):
            if found:
                self._chance.choice(found).kill()
                return what
        return ""

    def _broker(self, process: subprocess.Popen[bytes]) -> str:
        del process
        if self._arena.redis is None:
            return ""
        self._arena.redis.end(signal.SIGKILL)
        self._arena.redis.start()
        return "broker"

    def _connections(self, process: subprocess.Popen[bytes]) -> str:
        del process
        if self._arena.postgres is None:
            return ""
        self._arena.postgres.drop_connections()
        return "connections"

    def _database(self, process: subprocess.Popen[bytes]) -> str:
        del process
        if self._arena.postgres is None:
            return ""
        self._arena.postgres.end(signal.SIGQUIT)
        time.sleep(next(self._away_s))
        self._arena.postgres.start()
        return "database"


def _below(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def _name(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return process.name()
    return ""


def _words(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
