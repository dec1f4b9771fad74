"""The executor on processes of this machine. One that dies is replaced; its job is freed by the sweep, as its owner is known to be dead."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from orchestrator.cluster.station import Station
from orchestrator.working.lease import Owner
from orchestrator.working.worker import EXPECTED

_LOOK_S = 0.5
_LIVED_S = 5.0
"""One that dies sooner has its place filled no sooner."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Child:
    process: BaseProcess
    connection: Connection
    born: float
    busy: bool = False


class Processes:
    """`count` processes at a station, whose workers `can` do this or that. Safe to use from several threads."""

    def __init__(self, station: Station, can: frozenset[str], count: int) -> None:
        self._station = station
        self._can = can
        self._backlog: dict[str, deque[int]] = {}
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._children = [self._born() for _ in range(count)]
        self._thread = threading.Thread(target=self._watch, name="processes", daemon=True)
        self._thread.start()

    def send(self, number: int, ability: str = "") -> None:
        with self._lock:
            self._backlog.setdefault(ability, deque()).append(number)
            self._assign()

    def waiting(self, ability: str = "") -> int:
        with self._lock:
            return len(self._backlog.get(ability, ()))

    def machines(self) -> Mapping[str, frozenset[str]]:
        return {Owner.here().machine: self._can}

    def end(self, wait_s: float) -> bool:
        self._ending.set()
        self._thread.join()
        for child in self._children:
            if child.process.pid is not None and child.process.is_alive():
                os.kill(child.process.pid, signal.SIGTERM)
        last = time.monotonic() + wait_s
        for child in self._children:
            child.process.join(max(0.0, last - time.monotonic()))
        return not any(child.process.is_alive() for child in self._children)

    def close(self) -> None:
        self.end(0.0)
        for child in self._children:
            child.process.kill()
            child.process.join()
            child.connection.close()

    def _born(self) -> _Child:
        # A fork of a process with threads may inherit a lock that nobody opens any more.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._station), name="worker", daemon=False)
        process.start()
        theirs.close()
        return _Child(process, ours, time.monotonic())

    def _assign(self) -> None:
        """Give what waits to whoever is idle; which job it is, the store says."""
        for child in self._children:
            backlog = next((each for each in self._backlog.values() if each), None)
            if backlog is None or self._ending.is_set():
                return
            if not child.busy and child.process.is_alive():
                # One that died just now is replaced: what it was to have waits for another.
                with suppress(OSError):
                    child.connection.send(backlog[0])
                    backlog.popleft()
                    child.busy = True

    def _watch(self) -> None:
        while not self._ending.is_set():
            alive = {child.connection: child for child in self._children if child.process.is_alive()}
            for connection in wait([*alive], _LOOK_S):
                assert isinstance(connection, Connection)
                self._heard(alive[connection])
            with self._lock:
                now = time.monotonic()
                for at, child in enumerate(self._children):
                    if not child.process.is_alive() and now - child.born > _LIVED_S:
                        _log.warning("a worker ended with %s: another takes its place", child.process.exitcode)
                        child.connection.close()
                        self._children[at] = self._born()
                self._assign()

    def _heard(self, child: _Child) -> None:
        try:
            child.connection.recv()
        except (EOFError, ConnectionError):
            # It died: whoever looks next sees that.
            child.process.join(_LOOK_S)
            return
        with self._lock:
            child.busy = False
            self._assign()


def _serve(connection: Connection, station: Station) -> None:
    """Take a job for each message, until the other end is closed or somebody ends this process."""
    ending = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    taker = station.taker(ending.is_set)
    while not ending.is_set():
        if not connection.poll(_LOOK_S):
            continue
        try:
            connection.recv()
        except EOFError:
            return
        try:
            taker.take()
        except EXPECTED as error:
            _log.error("no job could keep what a worker met: %s", error)
        connection.send(None)
