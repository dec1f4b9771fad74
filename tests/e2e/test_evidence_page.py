"""What was seen of a change's lines, on its way from a real run to the reader: the verdict's document, the terminal, and the page."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.axe import violations
from tests.e2e.command import NIGHTCREW, Answer, clean_environment
from tests.e2e.project import activated, fix, make_project
from tests.e2e.serving import chromium, entered, serving, shot

NEW = "\\n\\ndef spare(prices):\\n    if not prices:\\n        return 0\\n    return prices[0]\\n"
WRITES = f'command:sh -c \'printf "{NEW}" >> shop/total.py; sed -i "s/range(1, /range(0, /" shop/total.py\''
CALL = "total(prices=[3, 4, 5])"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evidence")


@pytest.fixture(scope="module")
def answer(root: Path) -> Answer:
    made = fix(make_project(root / "repository"), root / "state", "--agent", WRITES, environ=activated())
    assert made.document["status"] == "verified", made
    return made


def test_the_document_and_the_terminal_have_it(answer: Answer, root: Path) -> None:
    beside = {fact["kind"]: fact for fact in answer.document["verdict"]["beside"]}
    assert beside["differs"]["text"] == CALL
    assert (beside["differs"]["before"], beside["differs"]["after"]) == ("returns 9", "returns 12")
    covered = [fact for fact in answer.document["verdict"]["beside"] if fact["kind"] == "covered"]
    assert [(fact["before"], fact["after"]) for fact in covered] == [("failed", "passed"), ("passed", "passed")]
    assert [fact["line"] for fact in answer.document["verdict"]["beside"] if fact["kind"] == "uncovered"] == [13]
    command = (NIGHTCREW, "show", answer.document["ticket"], "--state", root / "state")
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=clean_environment())
    assert f"{CALL}: returns 9 before, returns 12 now" in shown.stdout


def test_it_stands_beside_its_hunk_in_a_browser(answer: Answer, root: Path) -> None:
    with chromium() as browser, serving(root / "state", "--no-work", environ=activated()) as server:
        path = f"{server.address}/tickets/{answer.document['ticket']}/review"
        for width, scheme in ((1400, "light"), (360, "dark")):
            with entered(browser, server, color_scheme=scheme, viewport={"width": width, "height": 800}) as page:
                page.goto(path)
                cause = page.get_by_role("article", name="shop/total.py, line 7")
                facts = cause.locator(".beside .fact")
                expect(facts.first).to_contain_text(CALL)
                expect(facts.first.locator("dd")).to_have_text(["returns 9", "returns 12"])
                expect(cause.locator(".beside")).to_contain_text("failed before, passed now")
                spare = page.get_by_role("article", name="shop/total.py, line 10")
                expect(spare.locator(".mark")).to_contain_text("none of the 2 tests runs this")
                expect(spare.locator("tr.marked")).to_have_count(3)
                page.locator(".beside details").evaluate_all("all => all.forEach(each => each.open = true)")
                assert violations(page) == [], width
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
                shot(page, f"evidence-{scheme}-{width}")
