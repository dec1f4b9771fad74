"""The second half of a delivery: anyone may repeat it, and there is one branch."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.records import Order, Ticket
from orchestrator.settings import Settings
from orchestrator.store import Outgoing
from orchestrator.store.memory.store import MemoryStore
from orchestrator.working.delivery import finish
from shadowfs import Depot, Snapshot

SNAPSHOT = Snapshot("s", Path("/r"), Depot(Path("/d")), "t", "h", None, "b", Path("/p"), (), "f", ())
COMMIT = "c" * 40


class Killed(Exception):
    """Stands for the end of the process."""


class Branches:
    """A repository of which only the branches are of interest. It can die before or after it sets one."""

    def __init__(self, **taken: str) -> None:
        self.branches = {f"nightcrew/{name}": commit for name, commit in taken.items()}
        self.sent: list[str] = []
        self.dies = ""

    def send(self, snapshot: Snapshot, commit: str) -> None:
        """Take the commit."""
        del snapshot
        self.sent.append(commit)

    def set_branch(self, repository: Path, branch: str, commit: str) -> bool:
        """Set a branch that does not exist."""
        del repository
        if self.dies == "before":
            raise Killed
        there = self.branches.setdefault(branch, commit)
        if self.dies == "after":
            raise Killed
        return there == commit


def recorded(store: MemoryStore) -> Outgoing:
    store.add(Ticket("261121-a", "a", Order("a", Path("/r")), 0.0), Settings())
    lease = store.claim("me", 30.0)
    assert lease is not None
    return store.put_outgoing(lease, COMMIT, "nightcrew/a")


def test_a_delivery_that_was_done_is_not_done_again() -> None:
    store, repositories = MemoryStore(), Branches()
    row = recorded(store)
    assert finish(store, repositories, SNAPSHOT, row) == "nightcrew/a"
    (done,) = store.outgoing(1)
    assert finish(store, repositories, SNAPSHOT, done) == "nightcrew/a"
    assert (done.done, repositories.sent) == (True, [COMMIT])


@pytest.mark.parametrize("dies", ["before", "after"])
def test_whenever_it_dies_repeating_it_leads_to_one_branch(dies: str) -> None:
    store, repositories = MemoryStore(), Branches()
    row = recorded(store)
    repositories.dies = dies
    with pytest.raises(Killed):
        finish(store, repositories, SNAPSHOT, row)
    repositories.dies = ""
    (row,) = store.outgoing(1)
    assert finish(store, repositories, SNAPSHOT, row) == "nightcrew/a"
    assert repositories.branches == {"nightcrew/a": COMMIT}


def test_the_next_free_name_is_recorded_before_it_is_used() -> None:
    store, repositories = MemoryStore(), Branches(**{"a": "other", "a-2": "other"})
    row = recorded(store)
    repositories.dies = "after"
    for name in ("nightcrew/a-2", "nightcrew/a-3"):
        assert store.rename_outgoing(row.id, row.branch, name)
        (row,) = store.outgoing(1)
    with pytest.raises(Killed):
        finish(store, repositories, SNAPSHOT, row)
    del repositories.branches["nightcrew/a"]
    repositories.dies = ""
    assert finish(store, repositories, SNAPSHOT, row) == "nightcrew/a-3"
    assert [name for name, commit in repositories.branches.items() if commit == COMMIT] == ["nightcrew/a-3"]


def test_two_that_finish_the_same_delivery_at_once_agree_on_the_name() -> None:
    store, repositories = MemoryStore(), Branches(a="other")
    stale = recorded(store)
    assert finish(store, repositories, SNAPSHOT, stale) == "nightcrew/a-2"
    assert finish(store, repositories, SNAPSHOT, stale) == "nightcrew/a-2"
    assert repositories.branches == {"nightcrew/a": "other", "nightcrew/a-2": COMMIT}
