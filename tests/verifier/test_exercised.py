"""The rung `exercised`: passing tests run what a change put there, or nobody says that it keeps what the code does."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tests.sandbox.cases import needs_local
from tests.verifier.cases import FIX, case_of, change_of, steady
from tests.verifier.project import opener
from verifier import Case, InsideRunner, Ladder, Measure, Status, Suite
from verifier.rungs.exercised import Exercised

BEFORE = {
    "calc.py": "def one(a):\n    return old(\n        a,\n    )\n\n\ndef two(a):\n    return old(a)\n\n\ndef old(a):\n    return a\n\n\nnew = old\n",
    "tests/__init__.py": "",
    "tests/test_calc.py": "import unittest\nfrom calc import one\n\n\nclass One(unittest.TestCase):\n    def test_one(self):\n        assert one(1) == 1\n",
}
ONE = {**BEFORE, "calc.py": BEFORE["calc.py"].replace("old(\n", "new(\n")}
BOTH = {**BEFORE, "calc.py": ONE["calc.py"].replace("return old(a)", "return new(a)")}


def case(directory: Path, after: Mapping[str, str]) -> Case:
    """Return the case of a change of the small project, on real trees."""
    suite = Suite("unittest", ("tests.test_calc",), sys.executable)
    return Case(change_of(BEFORE, after), suite, opener(directory, BEFORE, after), repeats=1, keeps=True)


@needs_local
def test_a_change_that_passing_tests_run_is_verified(tmp_path: Path) -> None:
    verdict = Ladder(InsideRunner()).judge(case(tmp_path, ONE))
    rung = verdict.rung("exercised")
    assert rung is not None and rung.status is Status.PASS, rung
    assert rung.why == "Tests that pass run all 1 statements that changed."
    assert verdict.verified


@needs_local
def test_a_line_that_no_test_runs_is_named_and_leaves_the_change_unverified(tmp_path: Path) -> None:
    both = case(tmp_path, BOTH)
    rung = Exercised(Measure(InsideRunner(), both)).judge(both)
    assert rung.status is Status.SKIP, rung
    assert [(fact.path, fact.line) for fact in rung.evidence] == [("calc.py", 8)]
    assert rung.why == "No passing test runs 1 of 2 statements that changed (calc.py:8)."


def test_other_tickets_have_no_such_rung_and_command_suites_cannot_tell() -> None:
    good = {"test_a": "passed"}
    plain = Ladder(steady(good, good)).judge(case_of(FIX))
    assert plain.rung("exercised") is None and not plain.verified
    told = Ladder(steady(good, good)).judge(replace(case_of(FIX), keeps=True, suite=Suite("command", ("make",))))
    rung = told.rung("exercised")
    assert rung is not None and rung.status is Status.SKIP and not told.verified
