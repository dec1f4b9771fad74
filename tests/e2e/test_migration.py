"""A migration by the command: a commit that did part of it, the rest on a branch, and what is unlike it told."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.command import nightcrew
from tests.e2e.library import commit_all, git
from tests.e2e.project import activated, make_project, write

PRICES = '''\
"""Prices."""


def price(amount, currency="EUR"):
    return f"{amount:.2f} {currency}"


def money(amount, *, currency="EUR"):
    return f"{amount:.2f} {currency}"
'''
PART = """\
from shop.prices import price


def one(x):
    return price(x, "USD")


def two(x):
    # as {number} sells it
    return [price(
        x + {number},
        "EUR",
    )]
"""
ODD = "from shop.prices import price\n\n\ndef odd(x):\n    return list(map(price, [x]))\n\n\ndef short(x):\n    return price(x)\n"
TESTS = """\
import importlib
import unittest

from shop.odd import odd, short


class Parts(unittest.TestCase):
    def test_parts(self):
        for number in range(1, 7):
            part = importlib.import_module(f"shop.part{number}")
            assert part.one(1) == "1.00 USD"
            assert part.two(1) == [f"{1 + number:.2f} EUR"]

    def test_odd(self):
        assert odd(1) == [short(1)] == ["1.00 EUR"]
"""


def migrated(text: str) -> str:
    """Return a part as the example has it."""
    text = text.replace("import price", "import money").replace('price(x, "USD")', 'money(x, currency="USD")')
    return text.replace("[price(", "[money(").replace('        "EUR"', '        currency="EUR"')


def test_the_rest_is_done_like_the_commit_that_began_it(tmp_path: Path) -> None:
    parts = {f"shop/part{number}.py": PART.format(number=number) for number in range(1, 7)}
    files = {"shop/prices.py": PRICES, "shop/odd.py": ODD, "tests/test_total.py": "", "tests/test_parts.py": TESTS}
    repository = make_project(tmp_path / "repository", {**files, **parts})
    write(repository, {"shop/part1.py": migrated(parts["shop/part1.py"])})
    commit_all(repository)
    words = ("--like", "HEAD", "--test", "python -m unittest tests.test_parts", "--repo", repository)
    answer = nightcrew("fix", *words, state=tmp_path / "state", environ=activated())
    found = answer.document
    assert (answer.status, found["status"], found["agent"]) == (0, "verified", "migrate"), (found, answer.stderr)
    assert git(repository, "status", "--porcelain") == ""
    assert sorted(found["files"]) == [f"shop/part{number}.py" for number in range(2, 7)]
    for path, text in parts.items():
        assert git(repository, "show", f"{found['branch']}:{path}") == migrated(text)
    told = git(repository, "log", "-1", "--format=%B", found["branch"])
    assert "10 places in 5 files changed" in told
    assert "shop/odd.py:5" in told and "used without being called" in told
    assert "shop/odd.py:9" in told and "it has 1 arguments, the examples have 2" in told
