"""Tests watched in a real sandbox, by the interpreter that runs them: lines, calls, and code that does not want to be watched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import Limits
from tests.sandbox.cases import needs_local
from tests.verifier.project import PYTEST, UNITTEST, opened, write
from verifier import Called, Function, InsideObserver, Observed, Outcome, ProtocolBroken, Ran, Suite, Watch

pytestmark = needs_local

SHOP = """\
import threading
import time


class Odd:
    def __init__(self, how):
        self.how = how

    def __repr__(self):
        if self.how == "raises":
            raise RuntimeError("no")
        while self.how == "never ends":
            time.sleep(0.01)
        return "Odd\\x1b[2J" + "x" * 10_000


def price(item, *more, rebate=0, **rest):
    if rebate > item:
        raise ValueError("too much")
    item = item - rebate
    return item


def shown(thing):
    return thing


def each(things):
    for thing in things:
        yield thing


def elsewhere():
    return threading.current_thread().name
"""
TESTS = """\
import sys
import threading
import pytest
from shop import Odd, each, elsewhere, price, shown


def test_price():
    assert price(3) == 3
    assert price(5, 1, 2, rebate=2, vip=True) == 3


def test_too_much():
    with pytest.raises(ValueError):
        price(1, rebate=2)


def test_odd():
    assert shown(Odd("raises")) and shown(Odd("never ends")) and shown(Odd("long"))


def test_each():
    assert list(each([1, 2])) == [1, 2]


def test_thread():
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()


def test_trace():
    sys.settrace(None)
    assert price(2) == 2


def test_after():
    assert price(4) == 4
"""
LINES = SHOP.splitlines()


def at(text: str) -> int:
    """Return the number of the line that starts so."""
    return next(number for number, line in enumerate(LINES, 1) if line.strip().startswith(text))


WATCH = Watch(
    {"shop.py": frozenset({at("raise ValueError"), at("return item"), at("yield"), at("return threading")})},
    tuple(Function("shop.py", at(f"def {name}"), name) for name in ("price", "shown", "each", "elsewhere")),
)


def observe(
    root: Path, tests: str = TESTS, suite: Suite = PYTEST, watch: Watch = WATCH, names: tuple[str, ...] = ()
) -> Observed:
    write(root, {"shop.py": SHOP, "test_shop.py": tests, "conftest.py": ""})
    ids = names or tuple(
        f"test_shop.py::{line[4:].partition('(')[0]}" for line in tests.splitlines() if line.startswith("def test")
    )
    with opened(root) as sandbox:
        return InsideObserver().observe(sandbox, suite, ids, watch, Limits(wall_s=60.0))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    return observe(tmp_path_factory.mktemp("observed") / "repository")


def calls(seen: Observed, name: str) -> list[tuple[str, str]]:
    return [(each.call, each.said) for each in seen.calls if each.test == f"test_shop.py::{name}"]


def test_lines_are_told_of_each_test_that_runs_them(seen: Observed) -> None:
    assert seen.ran is Ran.COMPLETED and set(seen.outcomes.values()) == {Outcome.PASSED}, seen
    found = {test.partition("::")[2]: set(lines["shop.py"]) for test, lines in seen.lines.items() if lines}
    assert found["test_price"] == {at("return item")}
    assert found["test_too_much"] == {at("raise ValueError")}
    assert found["test_each"] == {at("yield")}
    assert found["test_thread"] == {at("return threading")}
    assert "test_odd" not in found
    assert found["test_after"] == {at("return item")}


def test_calls_are_told_with_what_came_of_them(seen: Observed) -> None:
    assert calls(seen, "test_price") == [
        ("price(item=3, rebate=0)", "returns 3"),
        ("price(item=5, rebate=2, *(1, 2), **{'vip': True})", "returns 3"),
    ]
    assert calls(seen, "test_too_much") == [("price(item=1, rebate=2)", "raises ValueError: too much")]
    assert not calls(seen, "test_each") and not calls(seen, "test_thread")


def test_what_shows_itself_badly_is_left_out_or_cut(seen: Observed) -> None:
    said = calls(seen, "test_odd")
    assert all(len(call) <= 500 and len(what) <= 250 for call, what in said)
    raising, long = (call for call, _ in said)
    assert raising.startswith("shown(thing=<Odd how=") and long.startswith("shown(thing=Odd\x1b[2Jxxx")


def test_equal_arguments_have_equal_digests(seen: Observed) -> None:
    of = {(each.test.partition("::")[2], each.call): each for each in seen.calls}
    three, four = of["test_price", "price(item=3, rebate=0)"], of["test_after", "price(item=4, rebate=0)"]
    assert three.given and three.given != four.given and three.came != four.came


def test_unittest_suites_are_watched_alike(tmp_path: Path) -> None:
    tests = "import unittest\nfrom shop import price\n\n\nclass Price(unittest.TestCase):\n    def test_price(self):\n        self.assertEqual(price(2), 2)\n"
    name = "test_shop.Price.test_price"
    seen = observe(tmp_path / "repository", tests, replace(UNITTEST, args=("test_shop",)), names=(name,))
    assert seen.outcomes == {name: Outcome.PASSED}
    assert seen.lines[name]["shop.py"] == {at("return item")}
    assert [(each.call, each.said) for each in seen.calls] == [("price(item=2, rebate=0)", "returns 2")]


NONSENSE: Mapping[str, str] = {
    "a line that was not asked for is left out": "{'t': 'observed', 'id': 'test_shop.py::test_lies', 'lines': {'shop.py': [1], '/etc/passwd': [1]}, 'calls': []}",
    "a test that was not asked for is left out": "{'t': 'observed', 'id': 'other', 'lines': {'shop.py': [20]}, 'calls': []}",
    "a function that nobody looks at": "{'t': 'observed', 'id': 'test_shop.py::test_lies', 'lines': {}, 'calls': [{'t': 'call', 'function': 99, 'call': '', 'said': '', 'given': '', 'came': ''}]}",
    "no lists": "{'t': 'observed', 'id': 'test_shop.py::test_lies', 'lines': {'shop.py': 'all'}, 'calls': []}",
}


@pytest.mark.parametrize("lie", NONSENSE)
def test_what_tested_code_sends_is_believed_only_as_far_as_it_was_asked(tmp_path: Path, lie: str) -> None:
    tests = f"import json, os\n\n\ndef test_lies():\n    data = json.dumps({NONSENSE[lie]}).encode() + b'\\n'\n"
    tests += "    for number in range(3, 1024):\n        try:\n            os.write(number, data)\n        except OSError:\n            pass\n"
    if not lie.endswith("left out"):
        with pytest.raises(ProtocolBroken):
            observe(tmp_path / "repository", tests)
        return
    seen = observe(tmp_path / "repository", tests)
    assert not any(lines for found in seen.lines.values() for lines in found.values()), seen
    assert seen.calls == ()


def test_calls_are_records_of_their_own() -> None:
    assert Called("t", Function("a.py", 1, "a"), "a()", "returns 1").given == ""
