"""What every store must remember of the forms in which edits were asked of models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from agents import Formed
from orchestrator.records import Order, Outcome, Ticket
from orchestrator.settings import Settings
from orchestrator.store import FORMS_NOTED, FORMS_OF, Lease, Store
from tests.contracts.stores import STORES, open_store
from tests.contracts.test_store import Clock


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(request.param, request, tmp_path, Clock())
    yield opened
    opened.close()


def leased(store: Store, id: str) -> Lease:
    job = store.add(Ticket(id, "it-breaks", Order("it breaks", Path("/here")), 5.0), Settings())
    lease = store.claim("me", 1e9, job.number)
    assert lease is not None
    return lease


def note(store: Store, lease: Lease, attempt: int, number: int, forms: Mapping[str, object] | None) -> None:
    more = {} if forms is None else {"model": "m", "forms": forms}
    store.begin(lease, attempt, number, FORMS_NOTED, {"nth": 1, **more})
    store.finish(lease, attempt, number, {})


def ended(store: Store, lease: Lease, attempt: int, agent: str) -> None:
    store.put_outcome(lease, Outcome(attempt, agent, "python", False, 0.0, 1.0))


def test_the_last_note_of_each_attempt_that_ended_counts_for_its_agent(store: Store) -> None:
    one, two = leased(store, "a"), leased(store, "b")
    note(store, one, 1, 1, {"any": [2, 1]})
    note(store, one, 1, 2, {"any": [4, 1], "whole": [1, 1]})
    note(store, one, 2, 1, {"any": [5, 5]})
    note(store, two, 1, 1, {"any": [1, 1]})
    assert store.forms.latest("model") == (), "none has ended"
    ended(store, one, 1, "model")
    ended(store, one, 2, "model:other")
    ended(store, two, 1, "model")
    ended(store, two, 2, "model")
    assert store.forms.latest("model") == (Formed("m", "any", 5, 2), Formed("m", "whole", 1, 1))
    assert store.forms.latest("model:other") == (Formed("m", "any", 5, 5),)
    assert store.forms.latest("repair") == ()


def test_notes_of_before_there_were_forms_are_passed_over_and_old_attempts_forgotten(store: Store) -> None:
    lease = leased(store, "a")
    note(store, lease, 1, 1, None)
    for attempt in range(1, FORMS_OF + 3):
        if attempt > 1:
            note(store, lease, attempt, 1, {"any": [1, 0]})
        ended(store, lease, attempt, "model")
    assert store.forms.latest("model") == (Formed("m", "any", FORMS_OF, 0),)
