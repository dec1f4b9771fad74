"""What is sent twice is done once: forms by the page they stand on, the API's POSTs by their Idempotency-Key."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from orchestrator.web.people import Role
from orchestrator.web.submissions import KEPT_S, Submissions
from tests.orchestrator.crews import FIX, Open, order
from tests.orchestrator.web.conftest import Serve, Served
from tests.orchestrator.web.test_queue import body


def form_of(client: TestClient, path: str) -> str:
    """Return the token of the forms on a page, as it is drawn now."""
    return client.get(path).text.split('name="form" value="')[1].split('"')[0]


def seconds(served: Served, ticket: str) -> float:
    (row,) = [row for row in served.crew.board().rows if row.ticket == ticket]
    return row.seconds


def test_a_form_that_is_sent_twice_is_done_once(serve: Serve, crew: Open, repository: Path) -> None:
    served = serve(crew([FIX]))
    ticket, browser = served.crew.file(order(repository)).id, served.browser()
    before, page = seconds(served, ticket), f"/tickets/{ticket}"
    form = form_of(browser, page)
    for _ in range(2):
        assert browser.post(f"{page}/resume", data={"form": form, "minutes": "10"}).status_code == 200
    assert seconds(served, ticket) == before + 600
    # Going back and saying something else, or loading the page again, is another thing.
    browser.post(f"{page}/resume", data={"form": form, "minutes": "5"})
    assert seconds(served, ticket) == before + 900
    browser.post(f"{page}/resume", data={"form": form_of(browser, page), "minutes": "10"})
    assert seconds(served, ticket) == before + 1500


def test_two_clicks_at_once_are_one_and_both_are_answered(serve: Serve, crew: Open, repository: Path) -> None:
    served = serve(crew([FIX]))
    ticket, browser = served.crew.file(order(repository)).id, served.browser()
    before, answers, page = seconds(served, ticket), list[int](), f"/tickets/{ticket}"
    data = {"form": form_of(browser, page), "minutes": "1"}

    def click() -> None:
        answers.append(browser.post(f"{page}/resume", data=data, follow_redirects=False).status_code)

    clicks = [threading.Thread(target=click) for _ in range(4)]
    for each in clicks:
        each.start()
    for each in clicks:
        each.join()
    assert (answers, seconds(served, ticket)) == ([303] * 4, before + 60)


def test_a_ticket_that_a_reload_files_again_is_one(served: Served, repository: Path) -> None:
    browser = served.browser()
    form = form_of(browser, "/")
    data, build = {"form": form, "repository": str(repository), "text": "it breaks"}, ("build", ("x.log", b"E  1\n"))
    first, again = (browser.post("/tickets", data=data, files=[build], follow_redirects=False) for _ in range(2))
    assert (first.status_code, again.status_code) == (303, 303), first.text
    assert first.headers["location"] == again.headers["location"]
    assert served.crew.board().total == 1
    other = browser.post("/tickets", data=data, files=[("build", ("x.log", b"E  2\n"))], follow_redirects=False)
    assert other.headers["location"] != first.headers["location"]


def test_what_was_refused_may_be_sent_again(served: Served, repository: Path) -> None:
    browser = served.browser()
    data = {"form": form_of(browser, "/"), "repository": str(repository / "later"), "text": "it breaks"}
    assert browser.post("/tickets", data=data).status_code == 422
    (repository / "later/.git").mkdir(parents=True)
    assert browser.post("/tickets", data=data, follow_redirects=False).status_code == 303


def test_a_program_names_the_key(served: Served, repository: Path) -> None:
    ann, bob = served.as_("ann", Role.FILE), served.as_("bob", Role.FILE)
    sent = {"json": body(repository), "headers": {"idempotency-key": '"8e03978e-40d5"'}}
    first, again = (ann.post("/api/tickets", **sent) for _ in range(2))  # type: ignore[arg-type]
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["x-content-type-options"] == "nosniff"
    # A key is its user's alone.
    assert bob.post("/api/tickets", **sent).json() != first.json()  # type: ignore[arg-type]
    other = {**sent, "json": body(repository, priority=3)}
    refused = ann.post("/api/tickets", **other)  # type: ignore[arg-type]
    assert (refused.status_code, refused.json()["kind"]) == (422, "key-reused")
    assert served.crew.board().total == 2


@pytest.mark.parametrize("key", ["", '""', "x" * 201, "a\x01b"])
def test_a_key_that_is_none_is_refused(served: Served, repository: Path, key: str) -> None:
    refused = served.as_("ann", Role.FILE).post("/api/tickets", json=body(repository), headers={"idempotency-key": key})
    assert (refused.status_code, served.crew.board().total) == (400, 0)


def test_a_key_is_kept_for_a_day_whatever_process_asks(crew: Open) -> None:
    now = [1_000.0]
    first, other = (Submissions(crew([FIX]).database, lambda: now[0]) for _ in range(2))
    assert first.begin("ann", "k", "a") is None
    known = other.begin("ann", "k", "a")
    assert known is not None and known.status is None
    first.finish("ann", "k", 201, {"location": "/x"}, b"\0")
    known = other.begin("ann", "k", "b")
    assert known is not None and (known.asked, known.status, known.answer) == ("a", 201, b"\0")
    now[0] += KEPT_S + 1
    assert other.begin("ann", "k", "b") is None


def test_a_part_of_a_change_with_thousands_of_hunks_is_chosen_in_a_form(
    serve: Serve, crew: Open, repository: Path
) -> None:
    served = serve(crew([FIX]))
    ticket, browser = served.crew.file(order(repository)).id, served.browser()
    page = f"/tickets/{ticket}"
    data: dict[str, object] = {"form": form_of(browser, page), "tree": "0" * 40}
    # There is no change yet: that is what is told, not how many fields there are.
    many = browser.post(f"{page}/part", data={**data, "hunk": [f"{at}" for at in range(5_000)]})
    assert many.status_code == 409 and "has no proposal" in many.text
    most = browser.post(f"{page}/part", data={**data, "hunk": [f"{at}" for at in range(20_000)]})
    assert most.status_code == 413 and "nightcrew part" in most.text
    others = browser.post(f"{page}/stop", data={**data, "hunk": [f"{at}" for at in range(1_001)]})
    assert others.status_code == 413
