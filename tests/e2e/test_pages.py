"""The pages in a real browser: a ticket is filed, watched, read and decided about, by mouse, by keys alone, without scripts, and on a phone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.axe import violations
from tests.e2e.command import nightcrew
from tests.e2e.project import FAILING, SOURCE, TICKET, activated, make_project
from tests.e2e.serving import Server, chromium, entered, serving, shot
from tests.e2e.test_ci import red_build
from tests.orchestrator.pool.test_report import answering
from tests.orchestrator.web.test_poolpage import report
from tests.roomy import ROOM

FIXED = "for place in range(0, len(prices)):"
WRITES = "command:sh -c 'echo asked for >> notes.txt; sed -i \"s/range(1, /range(0, /\" shop/total.py'"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_project(tmp_path / "repository")


@pytest.fixture
def server(tmp_path: Path, repository: Path) -> Iterator[Server]:  # noqa: ARG001 - it is made first
    with serving(tmp_path / "state", environ=activated()) as made:
        yield made


def fixed(repository: Path, state: Path, agent: str = "repair") -> str:
    """Have a ticket fixed on the command line; return its id."""
    words = ("fix", TICKET, "--repo", repository, "--failing", FAILING, "--agent", agent)
    answer = nightcrew(*words, state=state, environ=activated())
    assert answer.document["status"] == "verified", answer
    return str(answer.document["ticket"])


def no_sideways(page: Page) -> None:
    """Fail where a page is wider than its window."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_ticket_is_filed_from_a_log_watched_and_accepted(
    browser: Browser, server: Server, repository: Path, tmp_path: Path
) -> None:
    junit, _ = red_build(repository, tmp_path)
    with entered(browser, server) as page:
        page.get_by_label("What is wrong").fill(TICKET)
        page.get_by_label("Repository").fill(str(repository))
        page.locator("input[type=file]").set_input_files(junit)
        shot(page, "file")
        page.get_by_role("button", name="File it").click()
        # Nobody loads the page again: it follows.
        expect(page.locator("#job .status").first).to_have_text("verified", timeout=120_000)
        expect(page.locator("#steps")).to_contain_text("verify")
        shot(page, "job")
        page.get_by_role("link", name="Review the change").click()
        expect(page.locator(".hunk .l-new")).to_contain_text("range(")
        shot(page, "review")
        page.get_by_role("button", name="Accept into the working tree").click()
        expect(page.locator("#job .status").first).to_have_text("accepted")
    assert (repository / "shop/total.py").read_text() != SOURCE


def test_the_board_follows_what_other_processes_do(
    browser: Browser, server: Server, repository: Path, tmp_path: Path
) -> None:
    with entered(browser, server) as page:
        expect(page.locator(".empty")).to_be_visible()
        filed = nightcrew(
            "file",
            TICKET,
            "--repo",
            repository,
            "--agent",
            "command:true",
            state=tmp_path / "state",
            environ=activated(),
        )
        row = page.locator(f"[data-row='{filed.document['ticket']}']")
        expect(row).to_be_visible(timeout=30_000)
        expect(row.locator(".status")).to_have_text("no fix", timeout=120_000)
        page.get_by_role("link", name=re.compile("^No fix")).click()
        expect(row).to_be_visible()
        page.get_by_role("searchbox").fill("nothing like it")
        page.keyboard.press("Enter")
        expect(page.locator(".empty")).to_contain_text("No ticket is like that")


def test_a_change_is_read_and_decided_about_with_keys_alone(
    browser: Browser, server: Server, repository: Path, tmp_path: Path
) -> None:
    ticket = fixed(repository, tmp_path / "state", WRITES)
    with entered(browser, server) as page:
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(f"{ticket}/review$"))
        keys = page.keyboard
        keys.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        keys.press("Escape")
        keys.press("j")
        expect(page.locator(".hunk.here .path")).to_have_text("shop/total.py")
        keys.press("r")
        expect(page.locator("[data-left]")).to_have_text("1")
        keys.press("n")
        expect(page.locator(".hunk.here .path")).to_have_text("notes.txt")
        keys.press("p")
        expect(page.locator(".hunk.here .path")).to_have_text("shop/total.py")
        keys.press("c")
        keys.type("say why")
        keys.press("Escape")
        keys.press("n")
        keys.press("x")
        expect(page.locator(".hunk.out .path")).to_have_text("notes.txt")
        expect(page.get_by_role("button", name="Accept into")).to_be_hidden()
        keys.press("a")
        keys.press("Enter")
        expect(page.locator("#job .status").first).to_have_text("verified", timeout=120_000)
        expect(page.locator(".attempt[aria-current] h3")).to_contain_text("part:1")
        keys.press("v")
        expect(page.locator(".hunk .path")).to_have_text(["shop/total.py"])
        keys.press("s")
        expect(page.locator("table.split")).to_be_visible()
        keys.press("a")
        keys.press("Enter")
        expect(page.locator("#job .status").first).to_have_text("accepted")
    assert FIXED in (repository / "shop/total.py").read_text()
    assert not (repository / "notes.txt").exists()


def test_a_line_is_edited_and_a_comment_sends_it_back(
    browser: Browser, server: Server, repository: Path, tmp_path: Path
) -> None:
    ticket = fixed(repository, tmp_path / "state", WRITES)
    with entered(browser, server) as page:
        page.goto(f"{server.address}/tickets/{ticket}/review")
        hunk = page.locator("[data-path='shop/total.py']")
        hunk.get_by_text("Edit", exact=True).click()
        hunk.locator("[data-edit] textarea").fill("    for place in range(len(prices)):")
        page.get_by_role("button", name="Verify only what is chosen").click()
        expect(page.locator(".attempt[aria-current] h3")).to_contain_text("part:1", timeout=120_000)
        # It is delivered after it is judged.
        expect(page.locator("#job .status").first).to_have_text("verified", timeout=120_000)
        page.goto(f"{server.address}/tickets/{ticket}/review")
        expect(page.locator(".l-new").first).to_contain_text("range(len(prices))")
        page.locator("[data-path='notes.txt']").get_by_text("Comment", exact=True).click()
        page.locator("[data-path='notes.txt'] textarea").first.fill("who asked for this?")
        page.locator("[data-path='notes.txt']").get_by_role("button", name="Keep the remark").click()
        page.get_by_role("button", name="Send it back to work").click()
        expect(page.locator(".attempt h3")).to_have_count(3, timeout=120_000)
        page.get_by_role("link", name="since attempt 2").click(timeout=120_000)
        expect(page.locator(".hunk .path")).to_have_text(["notes.txt"])
        shot(page, "since")


def test_without_scripts_everything_can_be_done(
    browser: Browser, server: Server, repository: Path, tmp_path: Path
) -> None:
    ticket = fixed(repository, tmp_path / "state")
    with entered(browser, server, java_script_enabled=False) as page:
        page.locator(f"[data-row='{ticket}'] a.title").click()
        page.get_by_label("Reason").fill("another way is better")
        page.get_by_role("button", name="Reject").click()
        expect(page.locator("#job .status").first).to_have_text("rejected")
        expect(page.locator("#job")).to_contain_text("another way is better")


def test_two_reviewers_decide_once(browser: Browser, server: Server, repository: Path, tmp_path: Path) -> None:
    ticket = fixed(repository, tmp_path / "state")
    with entered(browser, server) as page:
        page.goto(f"{server.address}/tickets/{ticket}/review")
        nightcrew("reject", ticket, state=tmp_path / "state")
        page.get_by_role("button", name="Accept into the working tree").click()
        expect(page.locator("[role=alert]")).to_contain_text("is rejected: it cannot be applied now")

    assert (repository / "shop/total.py").read_text() == SOURCE


@pytest.fixture
def pooled(tmp_path: Path, repository: Path) -> Iterator[Server]:  # noqa: ARG001 - it is made first
    """Return a server of a machine that has a model pool."""
    folder = tmp_path / "config/nightcrew"
    folder.mkdir(parents=True)
    with answering(200, json.dumps(report().document).encode()) as address:
        (folder / "config.toml").write_text(
            f'[models.own]\nbase_url = "{address}"\nmodel = "coder"\npool = true\n' + ROOM
        )
        environ = {**activated(), "XDG_CONFIG_HOME": str(folder.parent)}
        with serving(tmp_path / "state", environ=environ) as made:
            yield made


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_suit_those_who_see_little_and_small_windows(
    browser: Browser, pooled: Server, repository: Path, tmp_path: Path, scheme: str
) -> None:
    ticket = fixed(repository, tmp_path / "state", WRITES)
    for width in (1280, 360):
        with entered(browser, pooled, color_scheme=scheme, viewport={"width": width, "height": 800}) as page:
            for name, path in (
                ("board", "/"),
                ("job", f"/tickets/{ticket}"),
                ("review", f"/tickets/{ticket}/review"),
                ("split", f"/tickets/{ticket}/review?view=split"),
                ("whole", f"/tickets/{ticket}/file?path=shop/total.py"),
                ("enter", "/enter"),
                ("pool", "/pool"),
            ):
                page.goto(f"{pooled.address}{path}")
                for details in page.locator("details").all():
                    details.evaluate("each => each.open = true")
                assert violations(page) == [], (name, width)
                no_sideways(page)
                shot(page, f"{name}-{scheme}-{width}")
