"""What every request must keep to before anything of it is read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from orchestrator.web import guard
from orchestrator.web.guard import Guard, Rate
from orchestrator.web.people import Role
from tests.orchestrator.web.conftest import ADDRESS, Served


def test_every_answer_forbids_scripts_and_frames_of_others(served: Served) -> None:
    for path in ("/enter", "/api/tickets", "/static/page.js", "/nothing"):
        headers = served.client().get(path).headers
        assert "default-src 'none'; script-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_another_name_for_this_machine_is_no_name_of_the_server(served: Served) -> None:
    answer = served.client().get("/enter", headers={"host": "evil.example:8484"})
    assert (answer.status_code, answer.json()["kind"]) == (421, "wrong-host")


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"origin": ADDRESS}, True),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "", "sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({}, False),
    ],
)
def test_what_another_site_has_a_browser_send_is_refused(served: Served, headers: dict[str, str], passes: bool) -> None:
    browser = served.browser()
    del browser.headers["origin"]
    answer = browser.post("/api/tickets", json={}, headers=headers)
    assert (answer.status_code == 422) == passes
    assert passes or answer.json()["kind"] == "foreign-origin"


def test_a_body_may_not_be_endless(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_LEAST_BYTES", 1_000)
    assert served.client().post("/enter", data={"token": "x" * 2_000}).status_code == 413

    def told() -> Iterator[bytes]:
        yield b"token=" + b"x" * 2_000

    answer = served.client().post(
        "/enter", content=told(), headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code in (400, 413)


def test_a_bucket_fills_again_with_time() -> None:
    now = [0.0]
    rate = Rate(2.0, 3.0, lambda: now[0])
    assert [rate.allows("a") for _ in range(4)] == [True, True, True, False]
    assert rate.allows("b")
    now[0] = 0.5
    assert [rate.allows("a"), rate.allows("a")] == [True, False]


def test_who_writes_without_end_is_slowed() -> None:
    async def anybody(_: object) -> None:
        """Let everybody through."""

    app = Guard(PlainTextResponse("done"), frozenset({"here"}), Rate(0.0, 3.0), anybody)
    client = TestClient(app, base_url="http://here")
    assert [client.post("/").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert client.get("/").status_code == 200


def test_what_answers_for_a_defect_forbids_the_same(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("secret")

    ann, browser = served.as_("ann", Role.FILE), served.browser()
    monkeypatch.setattr(served.crew, "board", broken)
    for answer in (ann.get("/api/tickets"), browser.get("/?words=other")):
        assert answer.status_code == 500
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "secret" not in answer.text


def test_the_description_is_for_those_who_are_let_in(served: Served) -> None:
    assert served.client().get("/api/openapi.json").status_code == 401
    described = served.as_("bot", Role.FILE).get("/api/openapi.json").json()
    assert "/api/tickets/{ticket}/message" in described["paths"]
    assert "/api/openapi.json" not in described["paths"]
