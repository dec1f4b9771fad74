"""The API takes how much a ticket is wanted, from when on and by when."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orchestrator.web.people import Role
from tests.orchestrator import project
from tests.orchestrator.web.conftest import Served


def body(repository: Path, **more: object) -> dict[str, object]:
    return {"text": "total() forgets a number", "repository": str(repository), "failing": [project.FAILING], **more}


def test_a_ticket_is_filed_with_a_priority_a_time_and_a_deadline(served: Served, repository: Path) -> None:
    client, now = served.as_("ann", Role.FILE), time.time()
    wanted = {"priority": 3, "not_before": now + 600.0, "deadline": now + 900.0}
    answer = client.post("/api/tickets", json=body(repository, **wanted))
    assert answer.status_code in (200, 201), answer.text
    for document in (
        client.get(f"/api/tickets/{answer.json()['ticket']}").json(),
        *client.get("/api/tickets").json()["tickets"],
    ):
        assert {name: document[name] for name in wanted} == wanted
    assert served.crew.work_next() is None
    page = served.browser().get("/").text
    assert "priority 3" in page and "not before 20" in page


@pytest.mark.parametrize(
    "given",
    [
        {"priority": 1_001},
        {"priority": "high"},
        {"deadline": -1},
        {"deadline": 1e300},
        {"not_before": "tomorrow"},
        {"deadline": 1_000.0},
        {"deadline": 9e9, "not_before": 9.5e9},
    ],
)
def test_times_that_are_none_are_refused(served: Served, repository: Path, given: dict[str, object]) -> None:
    answer = served.as_("ann", Role.FILE).post("/api/tickets", json=body(repository, **given))
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert served.crew.board().total == 0
