"""Signing in at issuers that lie, hang, or are none: nobody comes in, whoever asked is told why, and so is the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from orchestrator.web.app import application
from orchestrator.web.identities import Policy
from orchestrator.web.people import Role
from orchestrator.web.sessions import COOKIE
from orchestrator.web.site import Site
from tests.orchestrator.web.conftest import ADDRESS, Served
from tests.orchestrator.web.hostile_issuer import Handler, Hostile, jwk, lying, reply, signed
from tests.orchestrator.web.signing import begin, browser, come_back, signing


@pytest.fixture
def issuer() -> Iterator[Hostile]:
    with lying() as made:
        yield made


def through(served: Served, issuer: Hostile) -> tuple[int, str, bool]:
    """Sign in; return the status, the page, and whether somebody came in."""
    client = browser(served)
    asked = begin(client)
    issuer.nonce = asked["nonce"]
    answer = come_back(client, code="c", state=asked["state"])
    return answer.status_code, answer.text, COOKIE in answer.cookies


def named(site: Site, *hosts: str) -> TestClient:
    """Return a browser of a site that is asked for by these names."""
    return TestClient(application(site, hosts, "0"), base_url=ADDRESS, follow_redirects=False)


def refused(served: Served) -> list[str]:
    rows = [each for each in served.site.audit.latest() if each.what == "enter-refused"]
    return [str(json.loads(each.detail)["why"]) for each in rows]


def test_whoever_is_named_comes_in_and_is_asked_for_as_the_standard_has_it(served: Served, issuer: Hostile) -> None:
    signing(served, issuer.url)
    client = browser(served)
    page = client.get("/enter").text
    assert 'href="/enter/oidc"' in page and "Sign in with Example" in page
    asked = begin(client)
    issuer.nonce = asked["nonce"]
    assert (asked["response_type"], asked["scope"], asked["code_challenge_method"]) == (
        "code",
        "openid email profile",
        "S256",
    )
    assert asked["redirect_uri"] == f"{ADDRESS}/enter/oidc/callback"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    answer = come_back(client, code="c", state=asked["state"])
    assert answer.status_code == 200 and 'content="0;url=/"' in answer.text
    cookies = answer.headers.get_list("set-cookie")
    assert any(each.startswith("nightcrew=") and "samesite=strict" in each.lower() for each in cookies)
    assert "ann@example.org" in client.get("/").text
    (row,) = (each for each in served.site.audit.latest() if each.what == "enter")
    assert (row.who, json.loads(row.detail)) == ("ann@example.org", {"issuer": issuer.url, "subject": "1"})
    client.post("/leave", headers={"origin": ADDRESS})
    assert served.site.audit.latest(1)[0].what == "leave"
    assert client.get("/").status_code == 401


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        ({"claims": {"nonce": "another"}}, "another sign-in"),
        ({"claims": {"iss": "https://evil.example"}}, "issuer"),
        ({"claims": {"aud": "another"}}, "Audience"),
        ({"claims": {"exp": 1}}, "expired"),
        ({"sign": lambda claims: signed(claims, 1, kid="key 0")}, "Signature"),
        ({"keys": [jwk(1)]}, "none of the issuer"),
        ({"said": {"token": {"access_token": "a"}}}, "not believed"),
        ({"said": {"token": {"id_token": ["a"]}}}, "not believed"),
        ({"said": {"token": b"<html>"}}, "answered /token with 200"),
        ({"said": {"token": b'{"a":' * 50_000}}, "answered /token with 200"),
        ({"said": {"token": b"{" + b" " * (1 << 20)}}, "more than 512 KB"),
        ({"said": {"keys": b"[]"}}, "answered /keys with 200"),
        ({"said": {"token": lambda it: reply(it, 302, b"", Location="http://127.0.0.1:1/")}}, "with 302"),
        ({"said": {"token": lambda it: reply(it, 400, b'{"error": "invalid_grant"}')}}, "invalid_grant"),
        ({"said": {"token": lambda it: it.wfile.write(b"nonsense\r\n\r\n")}}, "cannot be reached"),
        ({"said": {"me": {"sub": "2", "groups": ["night-admins"]}}}, "somebody else"),
        ({"said": {"me": lambda it: reply(it, 500, b"<b>\x1b[31m</b>")}}, "answered /me with 500"),
    ],
)
def test_an_issuer_that_lies_lets_nobody_in(served: Served, issuer: Hostile, lie: dict[str, object], told: str) -> None:
    signing(served, issuer.url)
    for name, value in lie.items():
        setattr(issuer, name, value)
    status, page, entered = through(served, issuer)
    assert (status, entered) == (502, False), page
    assert told in page
    assert any(told in each for each in refused(served))


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "ftp://id.example.org/"},
        {"authorization_endpoint": "http://a/\r\nSet-Cookie: a=b"},
        {"authorization_endpoint": None},
        {"token_endpoint": "//evil.example"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
)
def test_an_issuer_that_describes_itself_wrong_is_not_gone_to(
    served: Served, issuer: Hostile, said: dict[str, object]
) -> None:
    signing(served, issuer.url)
    issuer.said["openid-configuration"] = {**issuer.metadata(), **said}
    answer = browser(served).get("/enter/oidc")
    assert (answer.status_code, "location" in answer.headers) == (502, False)
    assert len(refused(served)) == 1


def test_an_issuer_that_is_down_or_slow_is_told_of(served: Served, issuer: Hostile) -> None:
    def drips(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.0 200 OK\r\n")
        while not issuer.closing.wait(0.02):
            handler.wfile.write(b"X-More: x\r\n")

    signing(served, issuer.url, answer_s=0.3)
    issuer.said["openid-configuration"] = drips
    assert "took more than 0.3 s" in browser(served).get("/enter/oidc").text
    issuer.said["openid-configuration"] = lambda _: issuer.closing.wait()
    assert "took more than 0.3 s" in browser(served).get("/enter/oidc").text
    signing(served, "http://127.0.0.1:1")
    answer = browser(served).get("/enter/oidc")
    assert (answer.status_code, "cannot be reached" in answer.text) == (502, True)
    assert len(refused(served)) == 3
    assert served.browser().get("/").status_code == 200


def test_a_sign_in_is_good_once_and_in_its_browser_alone(served: Served, issuer: Hostile) -> None:
    signing(served, issuer.url)
    mine, other = browser(served), browser(served)
    asked = begin(mine)
    begin(other)
    issuer.nonce = asked["nonce"]
    for client, state in ((other, asked["state"]), (browser(served), asked["state"]), (mine, "x"), (mine, "")):
        assert come_back(client, code="c", state=state).status_code == 400
    assert "token" not in issuer.asked
    kept = dict(mine.cookies)
    assert come_back(mine, code="c", state=asked["state"]).status_code == 200
    again = browser(served)
    again.cookies.update(kept)
    answer = come_back(again, code="c", state=asked["state"])
    assert (answer.status_code, "used before" in answer.text) == (400, True)
    assert issuer.asked.count("token") == 1


def test_a_sign_in_that_took_too_long_is_over(served: Served, issuer: Hostile) -> None:
    now = [1_000.0]
    site = signing(served, issuer.url)
    assert site.sign_in is not None
    site.sign_in._clock = lambda: now[0]
    client = browser(served)
    asked = begin(client)
    now[0] += 601
    assert come_back(client, code="c", state=asked["state"]).status_code == 400


@pytest.mark.parametrize(
    "said",
    [
        {"error": "access_denied", "error_description": "<script>alert(1)</script>"},
        {"error": "access_denied", "code": "c"},
        {"error": "\x1b[31m<script>"},
        {},
        {"code": ""},
        {"code": "c" * 5_000},
    ],
    ids=lambda said: str(said)[:40],
)
def test_whoever_the_issuer_does_not_sign_in_is_told_so(served: Served, issuer: Hostile, said: dict[str, str]) -> None:
    signing(served, issuer.url)
    client = browser(served)
    answer = come_back(client, state=begin(client)["state"], **said)
    assert (answer.status_code, "<script>" in answer.text, "\x1b" in answer.text) == (403, False, False)
    assert "token" not in issuer.asked


def test_an_answer_of_another_issuer_is_none(served: Served, issuer: Hostile) -> None:
    signing(served, issuer.url)
    client = browser(served)
    assert come_back(client, code="c", state=begin(client)["state"], iss="https://evil.example").status_code == 502
    issuer.said["openid-configuration"] = {
        **issuer.metadata(),
        "authorization_response_iss_parameter_supported": True,
    }
    signing(served, issuer.url)
    assert come_back(client, code="c", state=begin(client)["state"]).status_code == 502
    asked = begin(client)
    issuer.nonce = asked["nonce"]
    assert come_back(client, code="c", state=asked["state"], iss=issuer.url).status_code == 200


def test_keys_may_change_at_any_time(served: Served, issuer: Hostile) -> None:
    signing(served, issuer.url)
    assert through(served, issuer)[2]
    issuer.keys = [jwk(1)]
    issuer.sign = lambda claims: signed(claims, 1)
    assert through(served, issuer)[2]
    issuer.sign = signed
    assert not through(served, issuer)[2]


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"host": "localhost:8484"}]
)
def test_no_other_page_has_anybody_begin_and_nobody_is_led_elsewhere(
    served: Served, issuer: Hostile, headers: dict[str, str]
) -> None:
    site = signing(served, issuer.url)
    client = named(site, "127.0.0.1:8484", "localhost:8484")
    answer = client.get("/enter/oidc?next=https://evil.example", headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ADDRESS}/enter")
    assert "set-cookie" not in answer.headers
    client.close()


def test_guessing_is_slow(served: Served, issuer: Hostile) -> None:
    signing(served, issuer.url)
    client = browser(served)
    assert [come_back(client, code="c", state="s").status_code for _ in range(12)][9:] == [400, 429, 429]
    assert [client.get("/enter/oidc").status_code for _ in range(22)][-1] == 429


def test_where_no_issuer_is_configured_there_is_nothing(served: Served) -> None:
    client = browser(served)
    assert "Sign in with" not in client.get("/enter").text
    assert [client.get(path).status_code for path in ("/enter/oidc", "/enter/oidc/callback")] == [404, 404]


def test_behind_a_proxy_people_come_back_by_its_name(served: Served, issuer: Hostile) -> None:
    site = signing(served, issuer.url)
    assert site.sign_in is not None
    site.sign_in.address = "https://nightcrew.example.org"
    client = named(site, "nightcrew.example.org")
    answer = client.get("https://nightcrew.example.org/enter/oidc")
    assert "redirect_uri=https%3A%2F%2Fnightcrew.example.org%2Fenter%2Foidc%2Fcallback" in answer.headers["location"]
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-nightcrew-oidc=")
    assert all(word in cookie for word in ("httponly", "samesite=lax", "secure", "path=/", "max-age=600"))
    client.close()


def test_a_secret_goes_where_the_issuer_wants_it(served: Served, issuer: Hostile) -> None:
    seen: list[str] = []

    def token(handler: Handler) -> None:
        seen.append(handler.headers.get("Authorization", ""))
        reply(handler, 400, b"{}")

    issuer.said["token"] = token
    for ways, secret in ((None, "s+ é"), (["client_secret_post"], "s"), (None, "")):
        issuer.said["openid-configuration"] = {
            **issuer.metadata(),
            **({"token_endpoint_auth_methods_supported": ways} if ways else {}),
        }
        signing(served, issuer.url, secret=secret)
        through(served, issuer)
    assert seen == ["Basic bmlnaHRjcmV3OnMlMkIrJUMzJUE5", "", ""]


def test_nobody_is_let_in_who_is_not_named(served: Served, issuer: Hostile) -> None:
    signing(served, issuer.url, Policy())
    status, page, entered = through(served, issuer)
    assert (status, entered) == (403, False)
    assert "ann@example.org" in page and "&#39;1&#39;" in page
    assert "subjects = { &#34;1&#34; = &#34;file&#34; }" in page
    assert [each.role for each in served.site.people.all()] == [Role.ADMINISTER]
    assert "ann@example.org" in refused(served)[0]


def test_claims_are_hostile_text(served: Served, issuer: Hostile) -> None:
    signing(served, issuer.url)
    evil = '<script>alert(1)</script>\x1b[31m\u202e"'
    issuer.claims = {"sub": evil, "email": None, "preferred_username": evil * 50, "groups": ["night-reviewers", 7, {}]}
    issuer.said["me"] = {}
    status, page, entered = through(served, issuer)
    assert (status, entered) == (200, True)
    (person,) = (each for each in served.site.people.all() if each.name != "owner")
    assert (len(person.name), person.role) == (80, Role.REVIEW)
    assert "\x1b" not in person.name and "<script>alert" not in page
    issuer.claims |= {"groups": []}
    _, page, entered = through(served, issuer)
    assert not entered and "<script>alert" not in page and "\x1b" not in page
