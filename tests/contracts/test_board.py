"""The board: what every store must keep of pages of tickets, and of searching them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.records import AttemptRecord, AttemptState, Cost, Status
from orchestrator.reporting.board import Sought
from orchestrator.store import Store
from tests.contracts.stores import STORES, open_store
from tests.contracts.test_store import Clock, claim, file


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Store]:
    opened = open_store(request.param, request, tmp_path, clock)
    yield opened
    opened.close()


def test_a_board_has_a_page_and_says_how_many_there_are_and_where_they_stand(store: Store) -> None:
    for at in range(5):
        file(store, f"261121-{at}", text=f"ticket {at} 100% of_it")
    claim(store, owner="me")
    board = store.board(Sought(limit=2, skip=1))
    # All were filed at the same time: then the id decides.
    assert [row.ticket for row in board.rows] == ["261121-3", "261121-2"]
    assert (board.total, board.counts) == (5, {Status.QUEUED: 4, Status.WORKING: 1})
    working = store.board(Sought((Status.WORKING,)))
    assert [(row.ticket, row.seconds) for row in working.rows] == [("261121-0", 60.0)]
    assert (working.total, working.counts[Status.QUEUED]) == (1, 4)


def test_a_board_counts_anew_what_was_written_since(store: Store) -> None:
    counts = []
    for at in range(2):
        file(store, f"261121-{at}")
        counts.append(dict(store.board(Sought(limit=1)).counts))
    claim(store, owner="me")
    assert [*counts, store.board(Sought(limit=1)).counts] == [
        {Status.QUEUED: 1},
        {Status.QUEUED: 2},
        {Status.QUEUED: 1, Status.WORKING: 1},
    ]


def test_a_board_is_searched_by_words_of_text_or_id_as_they_stand(store: Store) -> None:
    file(store, "261121-abc", text="Totals are off by 100% in the_report")
    file(store, "261121-odd", text="nul and na\u00efve\\path \udcff")
    file(store, "261121-xyz", text="another 100 things")
    for words, found in (
        ("100%", ["261121-abc"]),
        ("the_report totals", ["261121-abc"]),
        ("xyz", ["261121-xyz"]),
        ("100", ["261121-xyz", "261121-abc"]),
        ("t_e", []),
        ("tOTALS", ["261121-abc"]),
        ("naïve\\", ["261121-odd"]),
        ("na\udcefve", []),
    ):
        assert [row.ticket for row in store.board(Sought(words=words)).rows] == found


def test_words_of_any_length_are_found_inside_of_words_and_whatever_they_are_made_of(store: Store) -> None:
    file(store, "261121-abc", text='say "NO" to a*b in shop/total.py::test_all; 表計算が壊れた', repository="/r")
    file(store, "261121-xyz", text="nothing but Total", repository="/s")
    for words, found in (
        ("OTAL", ["261121-xyz", "261121-abc"]),
        ("no", ["261121-xyz", "261121-abc"]),
        ("no otal 261121-x", ["261121-xyz"]),
        ('"no"', ["261121-abc"]),
        ("a*b", ["261121-abc"]),
        ("total.py::test", ["261121-abc"]),
        ("AND total NOT", []),
        ("計算", ["261121-abc"]),
        ("計算が壊", ["261121-abc"]),
        ("thing\0x", ["261121-xyz"]),
    ):
        assert [row.ticket for row in store.board(Sought(words=words)).rows] == found, words
    only = Sought((Status.QUEUED,), words="total", repository=Path("/s"))
    assert (store.board(only).total, store.board(only).rows[0].agent) == (1, "repair")
    assert store.board(replace(only, statuses=(Status.WORKING,))).counts == {Status.QUEUED: 1}


def test_a_boards_row_has_branch_question_and_cost(store: Store, clock: Clock) -> None:
    number = file(store, usd=2.0)
    lease = claim(store, number)
    store.put_attempt(lease, AttemptRecord(1, "model", 0, AttemptState.ASKED, question="which?"))
    store.deliver(store.put_outgoing(lease, "c" * 40, "nightcrew/x").id)
    reservation = store.reserve(lease, 0.5, 10, attempt=1)
    assert isinstance(reservation, int)
    store.settle(lease, reservation, Cost(0.0, 7, 3, 0.25))
    clock.now += 3
    store.end(lease, Status.PAUSED, "a question", "nightcrew answer")
    (row,) = store.board(Sought()).rows
    assert (row.question, row.branch, row.attempts, row.usd) == ("which?", "nightcrew/x", 1, 2.0)
    assert row.cost == store.cost(number)
    assert [each.ticket for each in store.board(Sought(since=clock.now)).rows] == [row.ticket]
    assert store.board(Sought(since=clock.now + 1)).rows == ()
