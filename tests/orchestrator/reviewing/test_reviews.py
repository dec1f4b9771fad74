"""What people said and decided, as the database keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.records import Order, Remark, Ticket
from orchestrator.reviewing import Decision, Heeded, Reviews
from orchestrator.settings import Settings
from orchestrator.store.sql.store import SqlStore

TREE = "a" * 40
HOSTILE = "nul \0 escape \x1b[31m lone \ud800"


@pytest.fixture
def reviews(tmp_path: Path) -> Iterator[Reviews]:
    store = SqlStore(f"sqlite:///{tmp_path}/store.db", lambda: 7.0)
    for id in ("261121-a", "261121-b"):
        store.add(Ticket(id, "it", Order("it", Path("/r")), 5.0), Settings())
    yield Reviews(store.engine, lambda: 7.0)
    store.close()


def test_remarks_come_back_as_they_were_made_until_they_are_sent(reviews: Reviews) -> None:
    made = (Remark(HOSTILE, "na\udcefve.py", 3), Remark("all of it"))
    first, second = reviews.say("261121-a", TREE, made, "ann")
    reviews.send("261121-a", [first])
    assert [(each.remark, each.sent) for each in reviews.said("261121-a")] == [(made[0], True), (made[1], False)]
    assert not reviews.unsay("261121-a", second, "bob")
    assert not reviews.unsay("261121-a", first, "ann")
    assert not reviews.unsay("261121-b", second, "ann")
    assert reviews.unsay("261121-a", second, "ann")
    assert [each.id for each in reviews.said("261121-a")] == [first]


def test_what_was_read_is_known_by_person_and_version(reviews: Reviews) -> None:
    for _ in range(2):
        reviews.mark_read("261121-a", TREE, "ann", "na\udcefve.py")
    assert reviews.read("261121-a", TREE, "ann") == {"na\udcefve.py"}
    assert reviews.read("261121-a", TREE, "bob") == reviews.read("261121-a", "b" * 40, "ann") == frozenset()
    reviews.mark_read("261121-a", TREE, "ann", "na\udcefve.py", done=False)
    assert reviews.read("261121-a", TREE, "ann") == frozenset()


def test_decisions_are_remembered_with_what_they_made_of_the_marks(reviews: Reviews) -> None:
    reviews.decide("261121-a", TREE, "reject", "ann", reason=HOSTILE, marks={"tests": (2, 1), "signature": (1, 0)})
    reviews.decide("261121-b", TREE, "part", "bob", hunks=("h1", "h2"), marks={"tests": (1, 1)})
    assert reviews.decisions("261121-b") == (Decision("261121-b", TREE, "part", "", ("h1", "h2"), "bob", 7.0),)
    assert [each.reason for each in reviews.decisions()] == [HOSTILE, ""]
    assert reviews.heeded() == (Heeded("signature", 1, 0), Heeded("tests", 3, 2))
