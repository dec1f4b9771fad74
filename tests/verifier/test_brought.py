"""Tests that a change brings itself: evidence where they fail on the base with their files put in, and only then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from shadowfs import Entry, RepoPath
from tests.verifier.cases import Files, TreeRunner, case_of, change_of, report, steady
from verifier import Case, Ladder, Measure, RungResult, Status, Suite, SuiteReport
from verifier.rungs import Reproduce

NEW = "tests/test_new.py::test_n"
OLD = "tests/test_old.py::test_o"
BEFORE = {"lib.py": "x = 1\n", "tests/test_old.py": "def test_o():\n    assert f() == 1\n"}
BRINGS = {**BEFORE, "lib.py": "x = 2\n", "tests/test_new.py": "def test_n():\n    assert f() == 2\n"}
GOOD = {OLD: "passed", NEW: "passed"}
Put = dict[RepoPath, Entry]


def review(after: Files, before: Files = BEFORE, **more: object) -> tuple[Case, list[Put]]:
    """Return the case of a review, and the files that were put into its base, time for time."""
    put: list[Put] = []

    def with_files(files: Mapping[RepoPath, Entry]) -> str:
        put.append(dict(files))
        return "base and files"

    return replace(case_of(change_of(before, after), **more), with_files=with_files), put  # type: ignore[arg-type]


def runner(*with_files: Mapping[str, str] | SuiteReport, base: Mapping[str, str] = {OLD: "passed"}) -> TreeRunner:
    """Return a runner whose nth run of the base with files says this (the last one from then on); with the change all is well."""

    def say(at: str, ids: Sequence[str] | None, nth: int) -> SuiteReport:
        said = {"base": base, "tree": GOOD}.get(at) or with_files[min(nth, len(with_files) - 1)]
        if isinstance(said, SuiteReport):
            return said
        return report({test: outcome for test, outcome in said.items() if ids is None or test in ids})

    return TreeRunner(say)


def reproduce(case: Case, runner: TreeRunner) -> RungResult:
    return Reproduce(Measure(runner, case)).judge(case)


def test_a_new_test_that_fails_without_the_rest_of_the_change_shows_what_it_repairs() -> None:
    case, put = review(BRINGS)
    result = reproduce(case, runner({NEW: "failed: AssertionError: 1 == 2"}))
    assert result.status is Status.PASS
    assert f"of those that the change adds {NEW} failed on the base and passed with the change" in result.why
    assert result.evidence[0].tests == (NEW,)
    assert result.evidence[0].text == (
        "added by the change in tests/test_new.py; without the rest of it: AssertionError: 1 == 2"
    )
    assert [list(files) for files in put] == [["tests/test_new.py"]]
    assert Ladder(runner({NEW: "failed"})).judge(case).verified


@pytest.mark.parametrize(
    "runs",
    [[{NEW: "passed"}], [{NEW: "skipped"}], [{NEW: "failed"}, {NEW: "failed"}, {NEW: "passed"}], [{OLD: "passed"}]],
)
def test_a_new_test_that_does_not_fail_there_each_time_shows_nothing(runs: list[dict[str, str]]) -> None:
    case, _ = review(BRINGS)
    result = reproduce(case, runner(*runs))
    assert (result.status, result.evidence[0].tests) == (Status.SKIP, (NEW,))
    assert result.why.endswith("; the test that it adds does not fail without the rest of it.")
    assert not Ladder(runner(*runs)).judge(case).verified


def test_a_new_test_in_an_existing_file_counts_where_nothing_of_it_is_weakened() -> None:
    test = "tests/test_old.py::test_p"
    grown = BEFORE["tests/test_old.py"] + "\n\ndef test_p():\n    assert f() == 2\n"
    trees = {"base": {OLD: "passed"}, "tree": {OLD: "passed", test: "passed"}}
    case, put = review({**BEFORE, "lib.py": "x = 2\n", "tests/test_old.py": grown})
    result = reproduce(case, TreeRunner(lambda at, *_: report(trees.get(at, {OLD: "passed", test: "failed"}))))
    assert (result.status, result.evidence[0].tests) == (Status.PASS, (test,))
    assert "in tests/test_old.py" in result.evidence[0].text
    weakened = grown.replace("assert f() == 1", "pass")
    case, put = review({**BEFORE, "lib.py": "x = 2\n", "tests/test_old.py": weakened})
    ladder = Ladder(TreeRunner(lambda at, *_: report(trees.get(at, {OLD: "passed", test: "failed"}))))
    verdict = ladder.judge(case)
    assert [rung.status for rung in verdict.rungs] == [Status.PASS, Status.FAIL, Status.SKIP, Status.SKIP, Status.PASS]
    assert not put


def test_only_files_of_tests_are_put_into_the_base() -> None:
    more = {"tests/data/new.json": "{}", "helper.py": "y = 1\n", "tests/conftest.py": "", "tests/__init__.py": ""}
    case, put = review({**BRINGS, **more})
    reproduce(case, runner({NEW: "failed"}))
    assert sorted(put[0]) == ["tests/__init__.py", "tests/data/new.json", "tests/test_new.py"]


def test_a_new_test_that_cannot_be_imported_there_counts_and_it_is_said() -> None:
    case, _ = review(BRINGS)
    result = reproduce(case, runner({}, report({"tests/test_new.py": "error"})))
    assert result.status is Status.SKIP, "it was nowhere in the first run"
    error = report({"tests/test_new.py": "error: ImportError: cannot import name 'g'"})
    result = reproduce(case, runner(error))
    assert result.status is Status.PASS
    assert f"on the base {NEW} could not even be reached (was not collected: ImportError: cannot" in result.why


def test_a_test_of_the_base_that_turned_good_is_better_evidence() -> None:
    case, put = review(BRINGS)
    result = reproduce(case, runner({NEW: "failed"}, base={OLD: "failed"}))
    assert (result.status, result.evidence[0].tests, put) == (Status.PASS, (OLD,), [])


def test_where_the_author_is_an_agent_its_own_tests_are_no_evidence() -> None:
    runs = runner({NEW: "failed"})
    result = reproduce(case_of(change_of(BEFORE, BRINGS)), runs)
    assert (result.status, {tree for tree, _ in runs.asked}) == (Status.SKIP, {"base", "tree"})


def test_a_named_failing_test_is_never_taken_from_the_change() -> None:
    case, put = review(BRINGS, failing=[NEW])
    assert reproduce(case, runner({NEW: "failed"})).status is Status.FAIL
    assert not put


def test_a_suite_of_one_command_is_tried_with_the_new_tests_too() -> None:
    trees = {"base and files": {"make test": "failed"}}
    case, _ = review(BRINGS, suite=Suite("command", ("make", "test")))
    result = reproduce(case, TreeRunner(lambda at, *_: report(trees.get(at, {"make test": "passed"}))))
    assert result.status is Status.PASS
    assert "in tests/test_new.py" in result.evidence[0].text


def test_a_change_without_tests_costs_no_further_run() -> None:
    runs = steady(GOOD, GOOD)
    case, put = review({**BEFORE, "lib.py": "x = 2\n"})
    result = reproduce(case, runs)
    assert (result.status, put) == (Status.SKIP, [])
    assert sorted(runs.asked) == [("base", None), ("tree", None)]
