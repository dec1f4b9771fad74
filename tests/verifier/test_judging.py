"""The whole ladder on real projects: real pytest and unittest runs, in real sandboxes."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import Limits, LocalDriver, Root, Sandbox
from tests.sandbox.cases import TOOLS, needs_local
from tests.verifier.cases import change_of
from verifier import Case, InsideRunner, Ladder, Status, Suite, Verdict

pytestmark = needs_local

Files = Mapping[str, str]
Judge = Callable[..., Verdict]
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
PYTEST = Suite("pytest", ("-p", "no:cacheprovider"), sys.executable, environment=ALONE)

CALC = {
    "calc.py": "def add(a, b):\n    return a - b\n\n\ndef mul(a, b):\n    return a * b\n",
    "tests/test_calc.py": (
        "import pytest\nfrom calc import add, mul\n\n\ndef test_add():\n    assert add(2, 2) == 4\n\n\n"
        "@pytest.mark.parametrize('a', [1, 2])\ndef test_mul(a):\n    assert mul(a, 3) == 3 * a\n"
    ),
    "conftest.py": "",
}
FAILING = ("tests/test_calc.py::test_add",)
FIXED = CALC["calc.py"].replace("a - b", "a + b")


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """Judge the change from one set of files to another; the file `opening` says how often a tree was opened."""

    def judge(
        before: Files,
        after: Files,
        suite: Suite = PYTEST,
        failing: tuple[str, ...] = FAILING,
        limits: Limits = Limits(),
    ) -> Verdict:
        sides = {"base": before, "tree": after}
        count = Counter[str]()

        @contextmanager
        def open_tree(tree: str) -> Iterator[Sandbox]:
            place = tmp_path / "repository"
            for path, text in sides[tree].items():
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_text(text)
            count[tree] += 1
            (place / "opening").write_text(f"{tree} {count[tree]}")
            with LocalDriver(tmp_path / "scratch").open(Root(place, place, readonly=TOOLS)) as sandbox:
                yield sandbox
            shutil.rmtree(place)

        case = Case(change_of(before, after), suite, open_tree, failing, limits=limits, repeats=1)
        return Ladder(InsideRunner()).judge(case)

    return judge


def statuses(verdict: Verdict) -> list[str]:
    """Return what the rungs said, in order, without the one for language servers: there are none in these cases."""
    return [str(rung.status) for rung in verdict.rungs if rung.name != "diagnostics"]


def why(verdict: Verdict, name: str) -> str:
    """Return why a rung said so."""
    rung = verdict.rung(name)
    assert rung is not None
    return rung.why


def test_a_fix_with_a_test_of_its_own_is_verified(judge: Judge) -> None:
    after = CALC | {
        "calc.py": FIXED,
        "tests/test_more.py": "from calc import add\n\n\ndef test_more():\n    assert add(0, 5) == 5\n",
    }
    verdict = judge(CALC, after)
    assert verdict.verified, verdict
    assert "4 tests ran, 4 without failing" in why(verdict, "suite")
    reproduced = verdict.rung("reproduce")
    assert reproduced is not None
    assert (reproduced.evidence[0].path, reproduced.evidence[0].line) == ("tests/test_calc.py", 6)
    assert "assert 0 == 4" in reproduced.evidence[0].text


def test_a_fix_without_a_failing_test_named_is_verified_by_what_turned_good(judge: Judge) -> None:
    verdict = judge(CALC, CALC | {"calc.py": FIXED}, failing=())
    assert verdict.verified
    assert FAILING[0] in why(verdict, "reproduce")


def test_a_change_that_fixes_nothing_is_not(judge: Judge) -> None:
    verdict = judge(CALC, CALC | {"calc.py": CALC["calc.py"] + "\nx = 1\n"})
    assert statuses(verdict) == ["pass", "pass", "fail", "skip"]
    assert "assert 0 == 4" in why(verdict, "reproduce")


def test_a_fix_that_breaks_another_test_is_not_verified(judge: Judge) -> None:
    verdict = judge(CALC, CALC | {"calc.py": FIXED.replace("a * b", "a + b")})
    assert statuses(verdict) == ["pass", "pass", "pass", "fail"]
    assert "2 tests fail with the change (tests/test_calc.py::test_mul[1], …)" in why(verdict, "suite")


def test_source_that_does_not_parse_stops_the_ladder(judge: Judge) -> None:
    verdict = judge(CALC, CALC | {"calc.py": "def add(a, b:\n"})
    assert statuses(verdict) == ["fail", "skip", "skip", "skip"]
    assert why(verdict, "applies").startswith("calc.py:1 does not parse")


def test_a_test_deleted_to_please_is_found_twice(judge: Judge) -> None:
    tests = CALC["tests/test_calc.py"].partition("@pytest")[0]
    verdict = judge(CALC, CALC | {"calc.py": FIXED, "tests/test_calc.py": tests})
    assert statuses(verdict) == ["pass", "fail", "pass", "fail"]
    assert "2 tests are gone" in why(verdict, "suite")


def test_a_conftest_that_hides_failures_is_found(judge: Judge) -> None:
    hook = (
        "import pytest\n\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
        "    report = (yield).get_result()\n    report.outcome = 'passed'\n    report.longrepr = None\n"
    )
    verdict = judge(CALC, CALC | {"conftest.py": hook})
    assert verdict.rungs[1].status is Status.FAIL
    assert not verdict.verified


@pytest.mark.parametrize(
    ("bad", "status", "says"),
    [
        (["tree 2"], "pass", "bad in 1 of 3 runs"),
        (["tree 2", "base 5"], "pass", "flips on the base too"),
        (["tree 2", "tree 3"], "fail", ""),
        (["tree 2", "tree 4"], "fail", ""),
    ],
    ids=["once", "on the base too", "alone again", "in order again"],
)
def test_a_flaky_test_is_told_apart(judge: Judge, bad: list[str], status: str, says: str) -> None:
    # The base is opened to parse, for the failing test, whole, alone; the tree likewise, but not to parse.
    flaky = f"from pathlib import Path\n\n\ndef test_flaky():\n    assert Path('opening').read_text() not in {bad}\n"
    verdict = judge(CALC | {"tests/test_f.py": flaky}, CALC | {"tests/test_f.py": flaky, "calc.py": FIXED})
    suite = verdict.rung("suite")
    assert suite is not None
    assert str(suite.status) == status, suite
    if says:
        assert [fact.kind for fact in suite.evidence if says in fact.text] == ["flaky"], suite


def test_an_import_error_on_the_base_counts_and_is_said(judge: Judge) -> None:
    before = CALC | {"calc.py": "import no_such_module\n"}
    verdict = judge(before, CALC | {"calc.py": FIXED})
    assert verdict.verified, verdict
    assert "ModuleNotFoundError: No module named 'no_such_module'" in why(verdict, "reproduce")


def test_an_endless_loop_on_the_base_is_a_failure_that_ends(judge: Judge) -> None:
    before = CALC | {"calc.py": CALC["calc.py"].replace("return a - b", "while True: pass")}
    verdict = judge(before, CALC | {"calc.py": FIXED}, limits=Limits(wall_s=3.0))
    assert verdict.verified, verdict


def test_a_process_that_exits_cannot_fake_success(judge: Judge) -> None:
    exits = "import os, sys\nfrom calc import mul\n\n\ndef add(a, b):\n    os._exit(0)\n"
    verdict = judge(
        CALC, CALC | {"calc.py": exits.replace("from calc import mul\n", "") + "\n\ndef mul(a, b):\n    return a * b\n"}
    )
    reproduced = verdict.rung("reproduce")
    assert reproduced is not None and reproduced.status is Status.FAIL
    assert not verdict.verified


def test_a_failing_test_that_does_not_exist_is_said(judge: Judge) -> None:
    verdict = judge(CALC, CALC | {"calc.py": FIXED}, failing=("tests/test_calc.py::test_none",))
    assert why(verdict, "reproduce").startswith(
        "tests/test_calc.py::test_none does not show the bug: on the base it does not exist"
    )


def test_unittest_suites_are_judged_alike(judge: Judge) -> None:
    before = {
        "calc.py": CALC["calc.py"],
        "test_calc.py": (
            "import unittest\nfrom calc import add, mul\n\n\nclass TestCalc(unittest.TestCase):\n"
            "    def test_add(self):\n        self.assertEqual(add(2, 2), 4)\n\n"
            "    def test_mul(self):\n        self.assertEqual(mul(2, 3), 6)\n"
        ),
    }
    suite = Suite("unittest", ("discover",), sys.executable)
    failing = ("test_calc.TestCalc.test_add",)
    assert judge(before, before | {"calc.py": FIXED}, suite, failing).verified
    lost = before["test_calc.py"].partition("    def test_mul")[0]
    verdict = judge(before, before | {"calc.py": FIXED, "test_calc.py": lost}, suite, failing)
    assert statuses(verdict) == ["pass", "fail", "pass", "fail"]


def test_a_command_is_judged_by_its_exit(judge: Judge) -> None:
    suite = Suite("command", (sys.executable, "-c", "from calc import add; assert add(2, 2) == 4"))
    verdict = judge(CALC, CALC | {"calc.py": FIXED}, suite, ())
    assert verdict.verified, verdict
    assert statuses(judge(CALC, CALC | {"calc.py": CALC["calc.py"] + "#\n"}, suite, ())) == [
        "pass",
        "pass",
        "skip",
        "pass",
    ]


def test_a_suite_that_cannot_start_says_so_and_verifies_nothing(judge: Judge) -> None:
    suite = Suite("pytest", (), "/no/such/python")
    verdict = judge(CALC, CALC | {"calc.py": FIXED}, suite, ())
    assert statuses(verdict) == ["pass", "pass", "skip", "skip"]
    assert "/no/such/python" in why(verdict, "suite") or "could not be started" in why(verdict, "suite")
