"""How people come in: a link that is good once, a key, and the cookie afterwards."""

from __future__ import annotations

import stat
from pathlib import Path

from orchestrator.web.people import Role
from orchestrator.web.sessions import COOKIE
from tests.orchestrator.web.conftest import ADDRESS, Served


def test_a_link_lets_in_once_and_is_replaced(served: Served, tmp_path: Path) -> None:
    link = served.site.sessions.new_link(ADDRESS)
    file = tmp_path / "state/serve/link"
    assert file.read_text() == link
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent, file.parent / "secret")] == [
        0o600,
        0o700,
        0o600,
    ]
    first = served.client().get(link, follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert all(word in first.headers["set-cookie"].lower() for word in ("httponly", "samesite=strict"))
    assert served.client().get(link).status_code == 401
    assert file.read_text() != link
    assert served.client().get(file.read_text()).status_code == 200


def test_a_key_opens_the_pages_until_it_is_ended(served: Served) -> None:
    served.site.people.add("ann", Role.REVIEW)
    key = served.site.people.make_key("ann", "laptop")
    browser = served.client(headers={"origin": ADDRESS, "accept": "text/html"})
    assert "ann" in browser.post("/enter", data={"token": key}).text
    assert served.site.people.end_keys("ann") == 1
    assert served.client().post("/enter", data={"token": key}).status_code == 401
    assert browser.get("/").status_code == 401


def test_a_cookie_that_was_made_elsewhere_is_none(served: Served) -> None:
    browser = served.browser()
    cookie = browser.cookies[COOKIE]
    for wrong in (cookie[:-1], cookie.replace(".", ""), "", "é"):
        assert served.site.sessions.person(wrong) is None
    assert served.site.sessions.person(cookie) is not None


def test_forms_are_of_their_session(served: Served) -> None:
    one, other = served.browser(), served.browser()
    token = served.site.sessions.form_token(other.cookies[COOKIE])
    answer = one.post("/tickets", data={"form": token, "repository": "/r", "text": "x"})
    assert answer.status_code == 403
    assert "another session" in answer.text


def test_guessing_is_slow(served: Served) -> None:
    client = served.client()
    answers = [client.post("/enter", data={"token": f"guess {at}"}).status_code for at in range(12)]
    assert answers[:10] == [401] * 10
    assert answers[-1] == 429
    refused = [each for each in served.site.audit.latest() if each.what == "enter-refused"]
    assert len(refused) == 10


def test_leaving_ends_the_session_in_this_browser(served: Served) -> None:
    browser = served.browser()
    browser.post("/leave")
    assert browser.get("/").status_code == 401
