"""What was answered or drawn before is answered again only while it is true, and to whom it is for."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from orchestrator.records import Order, Status
from orchestrator.store.sql.store import SqlStore
from orchestrator.web.people import Role
from tests.orchestrator.web.conftest import Served


def filed(served: Served, repository: Path, text: str = "total() forgets a number") -> str:
    return served.crew.file(Order(text, repository)).id


def test_what_another_process_writes_is_in_the_next_answer(served: Served, repository: Path) -> None:
    ticket, client, browser = filed(served, repository), served.as_("ann", Role.FILE), served.browser()
    looks: dict[str, Callable[[], object]] = {
        "list": lambda: client.get("/api/tickets").json()["tickets"][0]["status"],
        "show": lambda: client.get(f"/api/tickets/{ticket}").json()["status"],
        "search": lambda: client.get("/api/tickets?words=forgets").json()["counts"],
        "board": lambda: re.findall(r'class="status s-(\w+)"', browser.get("/").text),
        "job": lambda: re.findall(r'class="status s-(\w+)"', browser.get(f"/tickets/{ticket}").text),
    }
    before = {name: look() for name, look in looks.items()}
    assert before == {name: look() for name, look in looks.items()}
    other = SqlStore(served.crew.database.url)
    assert other.mark(other.job_of(ticket).number, Status.STOPPED, "somebody else", (Status.QUEUED,))
    other.close()
    after = {name: look() for name, look in looks.items()}
    assert after["list"] == after["show"] == "stopped"
    assert (after["search"], after["board"], after["job"]) == ({"stopped": 1}, ["stopped"], ["stopped"])


def test_a_shared_page_has_each_session_s_own_token_and_name(served: Served, repository: Path) -> None:
    ticket = filed(served, repository)
    one, other = served.browser(), served.browser()
    for path in ("/", f"/tickets/{ticket}"):
        tokens = [re.findall(r'name="form" value="([^"]+)"', each.get(path).text) for each in (one, other)]
        assert tokens[0] and tokens[1] and not set(tokens[0]) & set(tokens[1])
    mine = re.findall(r'name="form" value="([^"]+)"', one.get(f"/tickets/{ticket}").text)[0]
    assert other.post(f"/tickets/{ticket}/stop", data={"form": mine}, follow_redirects=False).status_code == 403
    assert one.post(f"/tickets/{ticket}/stop", data={"form": mine}, follow_redirects=False).status_code == 303
    names = [
        re.findall(r'class="who"[^>]*>([^<]+)', each.get("/").text) for each in (served.as_("ann", Role.FILE), one)
    ]
    assert names == [["ann"], ["owner"]]


def test_who_was_let_in_is_not_once_the_key_has_ended(served: Served, repository: Path) -> None:
    filed(served, repository)
    client = served.as_("ann", Role.FILE)
    assert [client.get(path).status_code for path in ("/api/tickets", "/", "/api/tickets")] == [200, 200, 200]
    served.site.people.end_keys("ann")
    assert [client.get(path).status_code for path in ("/api/tickets", "/")] == [401, 401]


def test_a_look_waits_for_no_thread_but_where_every_connection_is_taken(served: Served) -> None:
    here, database = threading.current_thread(), served.crew.database
    with database.connect():
        pass
    assert asyncio.run(served.site.soon(threading.current_thread)) is here
    with ExitStack() as taken:
        while database.pool.checkedin():  # type: ignore[attr-defined]
            taken.enter_context(database.connect())
        assert asyncio.run(served.site.soon(threading.current_thread)) is not here
