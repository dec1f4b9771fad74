"""The pictures of README.md: `python -m tests.e2e.screenshots` makes them of a real server with real tickets, into docs/images."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.command import nightcrew
from tests.e2e.project import FAILING, FILES, activated, make_project
from tests.e2e.serving import chromium, entered, serving

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"
_SHOP = {
    **FILES,
    "shop/total.py": '''\
"""Totals of a shop."""

from shop.rounding import cents


def total(prices):
    """Return the sum of all prices, in cents."""
    result = 0
    for place in range(1, len(prices)):
        result += cents(prices[place])
    return result
''',
    "shop/rounding.py": '''\
"""Money in whole cents."""


def cents(price):
    """Return a price in cents."""
    return int(price * 100)
''',
    "shop/receipt.py": '''\
"""Receipts for customers."""

from shop.rounding import cents


def line(name, price):
    """Return one line of a receipt."""
    return f"{name}: {cents(price)}"
''',
    "tests/test_total.py": """\
from shop.receipt import line
from shop.total import total


def test_nothing_costs_nothing():
    assert total([]) == 0


def test_all_prices_count():
    assert total([3, 4, 5.15]) == 1215


def test_a_line_has_name_and_price():
    assert line("tea", 3) == "tea: 300"
""",
}
_CHANGE = """
from pathlib import Path
total, rounding = Path("shop/total.py"), Path("shop/rounding.py")
total.write_text(total.read_text().replace("range(1, len(prices))", "range(len(prices))").replace("cents(prices[place])", "cents(prices[place], 2)"))
rounding.write_text(rounding.read_text().replace("def cents(price):", "def cents(price, places):").replace("int(price * 100)", "round(price * 10**places)"))
receipt = Path("shop/receipt.py")
receipt.write_text(receipt.read_text().replace("cents(price)", "cents(price, 2)"))
"""
_ENDLESS = "command:sh -c 'echo reading the code; sleep 3600'"


def main() -> None:
    """Make the pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="nightcrew-pictures-") as directory:
        root = Path(directory)
        shown = _tickets(root)
        with serving(root / "state", environ=activated()) as server, chromium() as browser:
            look = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"}
            with entered(browser, server, **look) as page:
                expect(page.locator(".s-working")).to_have_count(1, timeout=120_000)
                expect(page.locator("[data-step]:not(:empty)")).to_have_count(1, timeout=120_000)
                _picture(page, "board")
                page.goto(f"{server.address}/tickets/{shown}/review")
                _picture(page, "review")


def _tickets(root: Path) -> str:
    """File tickets that end in all ways, and return the one whose change is shown."""
    state = root / "state"
    shop = make_project(root / "shop", _SHOP)
    script = root / "change.py"
    script.write_text(_CHANGE)

    def run(*words: str | Path) -> str:
        answer = nightcrew(*words, state=state, environ=activated())
        return str(answer.document["ticket"])

    def fix(text: str, agent: str, *more: str) -> str:
        return run("fix", text, "--repo", shop, "--agent", agent, "--failing", FAILING, *more)

    fix("Receipts should show the tax of each line", "command:true")
    run(
        "reject",
        fix(
            "total() is too low for every order since Monday",
            _writes(_CHANGE + "Path('debug.log').write_text('x')\n"),
            "--seed",
            "1",
        ),
    )
    run("accept", fix("The month's total leaves out its first day", _writes(_CHANGE)))
    shown = fix("total() leaves out the first price, and is a cent too low now and then", _writes(_CHANGE))
    run("file", "The nightly report of the warehouse is empty on Sundays", "--repo", shop, "--agent", _ENDLESS)
    run("file", "line() should not fail where a product has no name", "--repo", shop)
    return shown


def _writes(code: str) -> str:
    """Return an agent that runs some code, which the sandbox does not see as a file."""
    import base64

    encoded = base64.b64encode(code.encode()).decode()
    return f"command:sh -c 'echo {encoded} | base64 -d | python3 -'"


def _picture(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
