"""Signing in at a real OpenID provider with a real browser: from another site, to a page that knows who came."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.axe import violations
from tests.e2e.serving import Server, chromium, serving, shot
from tests.e2e.test_pages import no_sideways
from tests.orchestrator.web.provider import CLIENT_ID, SECRET, Provider, providing

CONFIG = """\
[oidc]
issuer = "{issuer}"
client_id = "{client}"
client_secret_env = "TEST_SECRET"
name = "Example"
roles = {{ "night-reviewers" = "review" }}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    with providing(tmp_path) as made:
        made.knows(ann={"email": "ann@example.org", "email_verified": True, "groups": ["night-reviewers"]}, eve={})
        yield made


@pytest.fixture
def server(tmp_path: Path, provider: Provider) -> Iterator[Server]:
    folder = tmp_path / "config" / "nightcrew"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(CONFIG.format(issuer=provider.issuer, client=CLIENT_ID))
    environ = {"XDG_CONFIG_HOME": str(folder.parent), "TEST_SECRET": SECRET}
    with serving(tmp_path / "state", "--no-work", environ=environ) as made:
        yield made


def sign_in(page: Page, server: Server, name: str) -> None:
    page.goto(f"{server.address}/enter")
    page.get_by_role("link", name="Sign in with Example").click()
    page.locator("[name=login]").fill(name)
    page.locator("[name=password]").fill("any")
    page.locator("button[type=submit]").click()
    page.get_by_role("button", name="Continue").click()


@pytest.mark.parametrize("scripts", [True, False])
def test_somebody_signs_in_at_another_site_and_out_again(browser: Browser, server: Server, scripts: bool) -> None:
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    page.goto(f"{server.address}/enter")
    no_sideways(page)
    shot(page, "enter-oidc")
    if scripts:
        assert violations(page) == []
    sign_in(page, server, "ann")
    expect(page).to_have_url(f"{server.address}/")
    expect(page.locator(".who")).to_have_text("ann@example.org")
    assert [each["name"] for each in context.cookies(server.address)] == ["nightcrew"]
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()
    context.close()


def test_somebody_whom_nobody_let_in_reads_who_they_are(browser: Browser, server: Server) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 700})
    page = context.new_page()
    sign_in(page, server, "eve")
    expect(page.get_by_role("alert")).to_contain_text("nobody has let you in here")
    expect(page.locator("main")).to_contain_text('subjects = { "eve" = "file" }')
    no_sideways(page)
    assert violations(page) == []
    shot(page, "not-let-in")
    context.close()
