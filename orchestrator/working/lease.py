"""Leases in use: who holds one, and the heartbeat that keeps it while its holder works."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from orchestrator.errors import LeaseLost, StoreError
from orchestrator.store import Lease, Store

LEASE_S = 30.0
BEAT_S = 5.0
GAP_S = 600.0
"""The most that is booked at once: what lies longer between two beats was a machine that slept, or a clock that jumped."""


def booked(began: float, seconds: float, now: float) -> tuple[float, float]:
    """Return from when a lease counts, and its seconds so far, given both as they were booked last."""
    gap_s = now - began - seconds
    return (began, seconds + gap_s) if 0 <= gap_s <= GAP_S else (now - seconds, seconds)


@dataclass(frozen=True, slots=True)
class Owner:
    """A worker: the process `pid` of `host` that started at `started` (boot and tick), and a nonce for each worker in it.

    A host is a machine's or container's name and where its process ids count: containers may share a name, never that.
    """

    host: str
    pid: int
    started: str
    nonce: str

    @classmethod
    def here(cls) -> Owner:
        """Return an owner for a new worker of this process."""
        return cls(_host(), os.getpid(), started(os.getpid()) or "", secrets.token_hex(4))

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Return the owner that `str()` wrote."""
        host, pid, start, nonce = text.split("|")
        return cls(host, int(pid), start, nonce)

    def __str__(self) -> str:
        return f"{self.host}|{self.pid}|{self.started}|{self.nonce}"

    @property
    def machine(self) -> str:
        """Return the name of its machine, or container."""
        return self.host.partition(" ")[0]

    def dead(self) -> bool:
        """Say whether its process is known to have ended; of another host nothing is known."""
        return self.host == _host() and started(self.pid) != self.started


def _host() -> str:
    return f"{socket.gethostname()} {Path('/proc/self/ns/pid').readlink()}"


def started(pid: int) -> str | None:
    """Return what tells a process from any other that has or had its id: the boot and the tick it started at; None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(b")")[2].split()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return None if state in b"ZX" else f"{boot}:{int(fields[18])}"


class Heartbeat:
    """Renews a lease from a thread of its own for as long as the `with` block lasts."""

    def __init__(self, store: Store, lease: Lease, lease_s: float = LEASE_S, beat_s: float = BEAT_S) -> None:
        self._store = store
        self._lease = lease
        self._lease_s = lease_s
        self._beat_s = beat_s
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat of job {lease.job}", daemon=True)

    @property
    def lost(self) -> bool:
        """Say whether somebody else has the lease by now."""
        return self._lost.is_set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(self._beat_s):
            try:
                self._store.renew(self._lease, self._lease_s)
            except LeaseLost:
                self._lost.set()
                return
            except StoreError:
                # It may answer at the next beat; if it does not in time, the fence refuses whatever is written.
                continue
