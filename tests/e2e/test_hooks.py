"""A webhook comes to the running server: it files a ticket, works on it, pushes the branch and opens one pull request, all by itself."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.e2e.project import TICKET, activated
from tests.e2e.serving import Server, serving
from tests.e2e.test_forges import Place, place
from tests.e2e.test_serve import ask, events, key, state
from tests.orchestrator.forges.fake import TOKEN
from tests.orchestrator.forges.webhooks import Sent, github, labeled

__all__ = ["key", "place", "state"]
SECRET = "s"


@pytest.fixture
def server(place: Place) -> Iterator[Server]:
    environ = {"XDG_CONFIG_HOME": str(place.folder / "config"), "TEAM_TOKEN": TOKEN, "TEAM_SECRET": SECRET}
    with serving(place.folder / "state", environ={**activated(), **environ}) as made:
        yield made


def send(server: Server, sent: Sent, name: str = "team") -> tuple[int, str]:
    """Send a webhook as a forge does; return status and answer."""
    headers, body = sent
    headers = {**headers, "content-type": "application/json"}
    try:
        with urlopen(Request(f"{server.address}/hooks/{name}", body, headers), timeout=60) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_label_becomes_a_pull_request(server: Server, place: Place, key: str) -> None:
    place.fake.issue(5, TICKET.partition(":")[0], TICKET)
    told = events(server, key)
    sent = github("issues", labeled(), SECRET)
    assert send(server, sent)[0] < 300
    # A forge that heard no answer sends the same again.
    assert send(server, sent)[0] < 300
    next(kind for kind, _ in told if place.fake.pulls())
    told.close()
    (row,) = ask(server, key, "/api/tickets")["tickets"]
    assert row["status"] == "verified"
    (pull,) = place.fake.pulls()
    assert (pull.head, place.fake.tip(pull.head)) == (row["branch"], row["commit"])


def test_what_nobody_signed_files_nothing(server: Server, place: Place, key: str) -> None:
    place.fake.issue(5, TICKET.partition(":")[0], TICKET)
    headers, body = github("issues", labeled(), SECRET)
    assert send(server, github("issues", labeled(), "another secret"))[0] in (401, 403)
    assert send(server, (headers, body + b" "))[0] in (401, 403)
    assert send(server, (headers, body), "nobody")[0] == 404
    assert send(server, github("issues", labeled(who="mallory"), SECRET))[0] < 300
    assert ask(server, key, "/api/tickets")["total"] == 0
