"""Test ids: what lies below one, and in which file a test lies."""

from __future__ import annotations

import pytest

from verifier import Outcome, Ran, Suite, SuiteReport, TestResult
from verifier.selection import below, collection_error, covers, lies_in, selected

T = "tests/test_a.py::TestA::test_b[1]"


@pytest.mark.parametrize(
    "selector", [T, "tests/test_a.py::TestA::test_b", "tests/test_a.py::TestA", "tests/test_a.py", "tests", "."]
)
def test_an_id_selects_itself_and_what_lies_below(selector: str) -> None:
    assert below(T, selector)
    assert selected(SuiteReport(Ran.COMPLETED, (TestResult(T, Outcome.PASSED),)), selector)


@pytest.mark.parametrize("selector", ["tests/test_a.py::TestA::test", "tests/test_a", "test", "test_a.py", T + "x"])
def test_an_id_selects_nothing_that_merely_begins_like_it(selector: str) -> None:
    assert not below(T, selector)


def test_a_collection_error_stands_above_its_tests() -> None:
    error = TestResult("tests/test_a.py", Outcome.ERROR)
    skipped = TestResult("tests", Outcome.SKIPPED)
    assert collection_error(SuiteReport(Ran.COMPLETED, (skipped, error)), T) is error
    assert collection_error(SuiteReport(Ran.COMPLETED, (skipped,)), T) is None
    assert collection_error(SuiteReport(Ran.COMPLETED, (error,)), error.id) is None


@pytest.mark.parametrize(
    ("suite", "test", "path"),
    [
        (Suite("pytest"), "tests/test_a.py::test_a", "tests/test_a.py"),
        (Suite("pytest"), "tests/test_a.py::test_a", "tests"),
        (Suite("pytest", cwd="sub"), "tests/test_a.py::test_a", "sub/tests/test_a.py"),
        (Suite("pytest", cwd="sub"), "../tests/test_a.py::test_a", "tests/test_a.py"),
        (Suite("unittest"), "tests.test_a.TestA.test_b", "tests/test_a.py"),
        (Suite("unittest"), "test_a.TestA.test_b", "tests/test_a.py"),
    ],
)
def test_the_file_of_a_test_is_found(suite: Suite, test: str, path: str) -> None:
    assert lies_in(test, suite, ["other.py", path]) == path
    assert lies_in(test, suite, ["other.py", path.replace("test", "best")]) is None


def test_a_folder_covers_what_lies_in_it() -> None:
    assert covers({"tests/"}, "tests/a.py")
    assert covers({"tests"}, "tests/a.py")
    assert covers({"a.py"}, "a.py")
    assert not covers({"test"}, "tests/a.py")
