"""Signing in at a real OpenID provider."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from starlette.testclient import TestClient

from orchestrator.web.people import Role
from orchestrator.web.sessions import COOKIE
from tests.orchestrator.web.conftest import Served
from tests.orchestrator.web.provider import SECRET, Provider, providing
from tests.orchestrator.web.signing import browser, signing

ANN: dict[str, object] = {"email": "ann@example.org", "email_verified": True, "groups": ["night-reviewers"]}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with providing(tmp_path_factory.mktemp("provider")) as made:
        yield made


def signed_in(served: Served, provider: Provider, name: str) -> tuple[TestClient, httpx2.Response]:
    """Sign somebody in, and return their browser with the page they came to."""
    client = browser(served)
    back = provider.sign_in(client.get("/enter/oidc").headers["location"], name)
    return client, client.get(back)


def test_roles_come_from_the_provider_and_go_with_it(served: Served, provider: Provider) -> None:
    site = signing(served, provider.issuer, secret=SECRET)
    provider.knows(ann=ANN)
    client, page = signed_in(served, provider, "ann")
    assert (page.status_code, COOKIE in page.cookies) == (200, True), page.text
    person = site.people.person("ann@example.org")
    assert person is not None and person.role is Role.REVIEW
    assert client.get("/").status_code == 200
    provider.knows(ann={**ANN, "groups": ["night-admins"]})
    assert signed_in(served, provider, "ann")[1].status_code == 200
    assert site.people.person("ann@example.org").role is Role.ADMINISTER  # type: ignore[union-attr]
    provider.knows(ann={**ANN, "groups": []})
    signed_in(served, provider, "ann")
    assert site.people.person("ann@example.org").role is Role.FILE  # type: ignore[union-attr]
    provider.knows(ann={**ANN, "groups": [], "email_verified": False})
    _, page = signed_in(served, provider, "ann")
    assert (page.status_code, "nobody has let you in" in page.text) == (403, True)
    assert client.get("/").status_code == 401


def test_whoever_is_not_named_is_told_who_they_are(served: Served, provider: Provider) -> None:
    signing(served, provider.issuer, secret=SECRET)
    provider.knows(eve={"email": "eve@example.org", "email_verified": True})
    _, page = signed_in(served, provider, "eve")
    assert (page.status_code, COOKIE in page.cookies) == (403, False)
    assert "eve@example.org" in page.text and "whoever administers" in page.text


def test_a_code_is_good_with_the_secret_and_in_its_browser_alone(served: Served, provider: Provider) -> None:
    provider.knows(ann=ANN)
    signing(served, provider.issuer, secret="wrong")
    _, page = signed_in(served, provider, "ann")
    assert (page.status_code, "invalid_client" in page.text) == (502, True)
    signing(served, provider.issuer, secret=SECRET)
    client = browser(served)
    back = provider.sign_in(client.get("/enter/oidc").headers["location"], "ann")
    other = browser(served)
    other.get("/enter/oidc")
    assert other.get(back).status_code == 400
    assert client.get(back).status_code == 200


def test_whoever_was_removed_is_refused_though_the_provider_lets_them_in(served: Served, provider: Provider) -> None:
    site = signing(served, provider.issuer, secret=SECRET)
    provider.knows(ann=ANN)
    client, _ = signed_in(served, provider, "ann")
    site.people.remove("ann@example.org")
    assert client.get("/").status_code == 401
    _, page = signed_in(served, provider, "ann")
    assert (page.status_code, "was removed" in page.text) == (403, True)
