"""A site whose people are signed in by an issuer, and how a browser goes through it."""

from __future__ import annotations

import time
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import httpx2
from starlette.testclient import TestClient

from orchestrator.web.identities import Client, Identities, Policy
from orchestrator.web.issuer import Issuer
from orchestrator.web.oidc import SignIn
from orchestrator.web.people import Role
from orchestrator.web.site import Site
from tests.orchestrator.web.conftest import ADDRESS, Served

ANN = Policy(
    "groups", {"night-reviewers": Role.REVIEW, "night-admins": Role.ADMINISTER}, {"ann@example.org": Role.FILE}
)


def signing(served: Served, issuer: str, policy: Policy = ANN, secret: str = "", answer_s: float = 10.0) -> Site:
    """Have a site sign people in at an issuer, and return it."""
    site = served.site
    client = Client(issuer, "nightcrew", secret, "Example", policy=policy)
    identities = Identities(site.crew.database, site.people, time.time)
    now = replace(site, sign_in=SignIn(Issuer(client, answer_s), identities, ADDRESS))
    served.client().app.state.site = now  # type: ignore[attr-defined]
    return now


def browser(served: Served) -> TestClient:
    """Return a browser that nobody has entered with."""
    return served.client(headers={"accept": "text/html"}, follow_redirects=False)


def begin(client: TestClient) -> dict[str, str]:
    """Begin to sign in; return what the issuer is asked."""
    answer = client.get("/enter/oidc")
    assert answer.status_code == 303, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def come_back(client: TestClient, **said: str) -> httpx2.Response:
    """Come back from the issuer with what it said."""
    return client.get("/enter/oidc/callback", params=said)
