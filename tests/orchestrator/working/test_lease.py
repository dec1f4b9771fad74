"""Owners of leases, and the heartbeat."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

from orchestrator.records import Order, Status, Ticket
from orchestrator.settings import Settings
from orchestrator.store import Lease
from orchestrator.store.memory.store import MemoryStore
from orchestrator.working.lease import Heartbeat, Owner, started


def test_an_owner_is_alive_while_its_process_is_and_no_other_process_is_taken_for_it() -> None:
    here = Owner.here()
    assert Owner.parse(str(here)) == here
    assert not here.dead()
    assert not Owner("another host", 1, "x", "n").dead()
    assert Owner(here.host, here.pid, "another start", "n").dead()
    process = subprocess.Popen(["true"])
    began = started(process.pid) or ""
    process.wait()
    assert Owner(here.host, process.pid, began, "n").dead()


class Renewing(MemoryStore):
    """A store that says when it renewed."""

    def __init__(self) -> None:
        super().__init__()
        self.renewed = threading.Semaphore(0)

    def renew(self, lease: Lease, lease_s: float) -> Lease:
        try:
            return super().renew(lease, lease_s)
        finally:
            self.renewed.release()


def leased(store: MemoryStore) -> Lease:
    store.add(Ticket("261121-a", "a", Order("a", Path("/r")), 0.0), Settings())
    lease = store.claim("me", 30.0)
    assert lease is not None
    return lease


def test_a_heartbeat_renews_until_its_scope_ends() -> None:
    store = Renewing()
    lease = leased(store)
    with Heartbeat(store, lease, lease_s=1e6, beat_s=0.001) as heartbeat:
        assert store.renewed.acquire(timeout=10)
        assert store.renewed.acquire(timeout=10)
    until = store.job(1).lease_until
    assert until is not None
    assert until > lease.until
    assert not heartbeat.lost
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("heartbeat")]


def test_a_heartbeat_notices_that_somebody_else_has_the_job() -> None:
    store = Renewing()
    lease = leased(store)
    with Heartbeat(store, lease, beat_s=0.001) as heartbeat:
        store.free(1, lease.fence, "taken")
        store.claim("other", 30.0)
        while not heartbeat.lost:
            assert store.renewed.acquire(timeout=10)
    assert store.job(1).status is Status.WORKING
    assert store.job(1).lease_owner == "other"
