"""The rung `suite`: whole runs compared test by test, flakes told apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadowfs import Change
from tests.verifier.cases import FIX, TreeRunner, case_of, change_of, report, steady
from verifier import Measure, Outcome, Ran, RungResult, Runner, Status, SuiteReport
from verifier.rungs import SuiteHolds

Outcomes = Mapping[str, str]
NONE: Outcomes = {}


def judge(runner: Runner, change: Change = FIX, **more: object) -> RungResult:
    case = case_of(change, **more)  # type: ignore[arg-type]
    return SuiteHolds(Measure(runner, case)).judge(case)


class Run(NamedTuple):
    """One run: of which tree, whole or of some tests alone, the how manieth of its kind."""

    at: str
    whole: bool
    nth: int


def flaky(test: str, bad: Callable[[Run], bool]) -> TreeRunner:
    """Return a runner with one test that is bad in the runs that `bad` says, and one that passes always."""

    def say(at: str, ids: Sequence[str] | None, nth: int) -> SuiteReport:
        outcomes = {test: "failed: sometimes" if bad(Run(at, ids is None, nth)) else "passed", "steady": "passed"}
        return report({name: said for name, said in outcomes.items() if ids is None or name in ids})

    return TreeRunner(say)


def test_the_same_suite_passes_with_one_run_of_each_tree() -> None:
    runner = steady({"a": "passed", "b": "failed"}, {"a": "passed", "b": "failed"})
    result = judge(runner)
    assert result.status is Status.PASS
    assert sorted(runner.asked) == [("base", None), ("tree", None)]
    assert [(fact.text, fact.tests) for fact in result.evidence] == [("failed on the base too; not counted", ("b",))]


@pytest.mark.parametrize(
    ("base", "tree", "says"),
    [
        ({"a": "passed"}, {"a": "failed: boom"}, "1 test fails with the change (a)."),
        ({"a": "passed", "b": "passed"}, {"a": "failed", "b": "error"}, "2 tests fail with the change (a, …)."),
        ({"a": "passed"}, {"a": "skipped"}, "1 test that passed is not run to a pass any more (a)."),
        ({"a": "passed"}, {"a": "xfailed"}, "1 test that passed is not run to a pass any more (a)."),
        ({"a": "failed"}, {"a": "skipped"}, "1 test that passed is not run to a pass any more (a)."),
        ({"a": "skipped"}, {"a": "failed"}, "1 test fails with the change (a)."),
        ({"a": "xfailed"}, {"a": "failed"}, "1 test fails with the change (a)."),
        ({"a": "passed", "b": "passed"}, {"b": "passed"}, "1 test is gone (a)."),
        ({"a": "failed", "b": "passed"}, {"b": "passed"}, "1 test is gone (a)."),
        ({"a": "passed"}, {"a": "passed", "new": "failed"}, "1 test fails with the change (new)."),
        ({"f::a": "passed", "f::b": "passed"}, {"f": "error: SyntaxError"}, "1 test fails with the change (f)."),
    ],
)
def test_what_got_worse_fails(base: Outcomes, tree: Outcomes, says: str) -> None:
    result = judge(steady(base, tree))
    assert (result.status, result.why) == (Status.FAIL, says)


@pytest.mark.parametrize(
    ("base", "tree"),
    [
        ({"a": "failed"}, {"a": "passed"}),
        ({"a": "failed"}, {"a": "error"}),
        ({"a": "skipped"}, {"a": "passed"}),
        ({"a": "xfailed"}, {"a": "xpassed"}),
        ({"a": "passed"}, {"a": "passed", "new": "passed"}),
        ({"f": "error: ImportError", "a": "passed"}, {"f::b": "passed", "f::c": "failed", "a": "passed"}),
    ],
)
def test_what_did_not_get_worse_passes(base: Outcomes, tree: Outcomes) -> None:
    assert judge(steady(base, tree)).status is Status.PASS


def test_a_file_that_cannot_be_collected_any_more_is_one_failure_not_many() -> None:
    result = judge(steady({f"f::t{number}": "passed" for number in range(9)}, {"f": "error: ImportError: x"}))
    assert [fact.tests for fact in result.evidence if fact.kind == "test"] == [("f",), ()] or result.evidence[
        0
    ].tests == ("f",)
    assert "ImportError: x" in result.evidence[0].text


def test_a_test_may_go_with_a_file_whose_change_the_ticket_asked_for() -> None:
    change = change_of({"tests/test_a.py": "1", "tests/test_b.py": "1"}, {})
    runner = steady({"tests/test_a.py::t": "passed", "c": "passed"}, {"c": "passed"})
    assert judge(runner, change, allowed=["tests/test_a.py"]).status is Status.PASS
    assert judge(runner, change, allowed=["tests/test_b.py"]).status is Status.FAIL


def test_a_test_that_flips_on_the_base_is_flaky() -> None:
    result = judge(flaky("a", lambda run: (run.at == "tree") if run.whole else run.nth == 1))
    assert result.status is Status.PASS
    assert [(fact.kind, fact.tests) for fact in result.evidence if fact.kind == "flaky"] == [("flaky", ("a",))]
    assert "flips on the base" in result.evidence[0].text


def test_a_test_that_flips_in_whole_runs_of_the_base_is_flaky() -> None:
    assert judge(flaky("a", lambda run: run.whole and (run.at == "tree" or run.nth == 1))).status is Status.PASS


def test_a_test_that_fails_alone_each_time_with_the_change_is_broken() -> None:
    runner = flaky("a", lambda run: run.at == "tree")
    assert judge(runner).status is Status.FAIL
    assert runner.asked.count(("base", None)) == 1


def test_a_test_that_fails_with_the_change_in_the_suites_order_only_is_broken() -> None:
    assert judge(flaky("a", lambda run: run.at == "tree" and run.whole)).status is Status.FAIL


def test_a_test_that_passes_in_order_only_and_now_fails_there_is_broken() -> None:
    assert judge(flaky("a", lambda run: run.at == "tree" or not run.whole)).status is Status.FAIL


def test_a_test_that_failed_once_with_the_change_is_flaky() -> None:
    result = judge(flaky("a", lambda run: run.at == "tree" and run.whole and run.nth == 0))
    assert result.status is Status.PASS
    assert "bad in 1 of 5 runs" in result.evidence[0].text


def test_a_test_that_fails_in_most_runs_with_the_change_is_broken() -> None:
    assert judge(flaky("a", lambda run: run.at == "tree" and run.nth != 1)).status is Status.FAIL


def test_ids_that_differ_from_run_to_run_are_not_gone() -> None:
    def say(at: str, ids: Sequence[str] | None, nth: int) -> SuiteReport:
        del ids
        return report({f"t[<object at {at} {nth}>]": "passed"})

    result = judge(TreeRunner(say))
    assert result.status is Status.PASS
    assert "differs from run to run" in result.evidence[0].text


def test_a_new_test_that_fails_is_broken_whatever_the_base_does() -> None:
    runner = steady({"a": "passed"}, {"a": "passed", "b": "failed"})
    assert judge(runner).status is Status.FAIL
    assert sorted(runner.asked) == [("base", None), ("tree", None)]


def stopped(ran: Ran, outcomes: Outcomes = NONE, collected: Sequence[str] = (), why: str = "reasons") -> SuiteReport:
    made = report(outcomes, collected=collected or list(outcomes))
    return SuiteReport(ran, made.tests, made.collected, why=why)


def whole(base: Sequence[SuiteReport], tree: Sequence[SuiteReport], alone: Outcomes = NONE) -> TreeRunner:
    """Return a runner with these whole runs (the last from then on), and these outcomes of tests run alone."""

    def say(at: str, ids: Sequence[str] | None, nth: int) -> SuiteReport:
        if ids is not None:
            return report({name: alone.get(f"{at} {name}", "passed") for name in ids})
        runs = base if at == "base" else tree
        return runs[min(nth, len(runs) - 1)]

    return TreeRunner(say)


@pytest.mark.parametrize("ran", [Ran.NOT_STARTED, Ran.NOTHING_COLLECTED, Ran.TIMED_OUT, Ran.CRASHED])
def test_a_suite_that_runs_on_neither_tree_is_skipped(ran: Ran) -> None:
    result = judge(whole([stopped(ran)], [stopped(ran)]))
    assert result.status is Status.SKIP
    assert result.why.count(f"{ran}: reasons") == 2


@pytest.mark.parametrize("ran", [Ran.NOT_STARTED, Ran.NOTHING_COLLECTED, Ran.TIMED_OUT, Ran.CRASHED])
def test_a_suite_that_ran_on_the_base_only_fails(ran: Ran) -> None:
    result = judge(whole([report({"a": "passed"})], [stopped(ran)]))
    assert result.status is Status.FAIL
    assert f"does not run to its end ({ran}: reasons)" in result.why


def test_a_suite_that_crashes_once_with_the_change_is_tried_again() -> None:
    runner = whole([report({"a": "passed"})], [stopped(Ran.CRASHED), report({"a": "passed"})])
    assert judge(runner).status is Status.PASS


@pytest.mark.parametrize("ran", [Ran.NOT_STARTED, Ran.NOTHING_COLLECTED, Ran.TIMED_OUT, Ran.CRASHED])
def test_a_suite_that_only_runs_with_the_change_passes_where_nothing_fails(ran: Ran) -> None:
    result = judge(whole([stopped(ran)], [report({"a": "passed"})]))
    assert result.status is Status.PASS
    assert f"on the base the suite did not run to its end ({ran}: reasons)" in result.why
    assert judge(whole([stopped(ran)], [report({"a": "failed"})])).status is Status.SKIP


def test_what_the_base_did_not_reach_is_asked_alone() -> None:
    base = stopped(Ran.TIMED_OUT, {"a": "passed"}, ["a", "hang", "b", "c"])
    tree = report({"a": "passed", "hang": "passed", "b": "failed", "c": "passed"})
    assert judge(whole([base], [tree], {"base b": "failed", "tree b": "failed"})).status is Status.PASS
    result = judge(whole([base], [tree], {"tree b": "failed"}))
    assert (result.status, result.why) == (Status.FAIL, "1 test fails with the change (b).")


@pytest.mark.parametrize(
    ("base", "tree", "status"), [("passed", "failed", Status.FAIL), ("failed", "failed", Status.PASS)]
)
def test_a_command_is_compared_by_its_exit(base: str, tree: str, status: Status) -> None:
    assert judge(steady({"make test": base}, {"make test": tree})).status is status


outcomes = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(Outcome).map(str), max_size=6)


@given(outcomes, outcomes)
def test_a_suite_passes_only_where_no_test_got_worse(base: Outcomes, tree: Outcomes) -> None:
    result = judge(steady(base, tree))
    if result.status is Status.PASS:
        assert base.keys() <= tree.keys()
        assert all(tree[test] in ("passed", "xpassed") for test, said in base.items() if said in ("passed", "xpassed"))
        assert all(base.get(test) in ("failed", "error") for test, said in tree.items() if said in ("failed", "error"))


@given(outcomes)
def test_a_change_of_nothing_never_fails_the_suite(same: Outcomes) -> None:
    assert judge(steady(same, same)).status is not Status.FAIL
