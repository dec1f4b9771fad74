"""The rung `reproduce`: fails on the base, passes with the change, each time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from tests.verifier.cases import FIX, TreeRunner, case_of, change_of, report, steady
from verifier import Frame, Measure, Outcome, Ran, RungResult, Runner, Status, Suite, SuiteReport, TestResult
from verifier.rungs import Reproduce

T = "tests/test_a.py::test_t"


def judge(runner: Runner, failing: Sequence[str] = (T,), **more: object) -> RungResult:
    case = case_of(FIX, failing=failing, **more)  # type: ignore[arg-type]
    return Reproduce(Measure(runner, case)).judge(case)


def per_run(
    base: Sequence[Mapping[str, str] | SuiteReport], tree: Sequence[Mapping[str, str] | SuiteReport]
) -> TreeRunner:
    """Return a runner whose nth run of a tree says this (the last one from then on)."""

    def say(at: str, ids: Sequence[str] | None, nth: int) -> SuiteReport:
        del ids
        runs = base if at == "base" else tree
        said = runs[min(nth, len(runs) - 1)]
        return said if isinstance(said, SuiteReport) else report(said)

    return TreeRunner(say)


def test_failing_before_and_passing_after_each_time_passes() -> None:
    runner = steady({T: "failed: AssertionError: 1 == 2"}, {T: "passed"})
    result = judge(runner)
    assert result.status is Status.PASS
    assert result.why == f"The failing test {T} fails on the base and passes with the change, 3 times each."
    assert result.evidence[0].text == "AssertionError: 1 == 2"
    assert result.evidence[0].tests == (T,)
    assert sorted(set(runner.asked)) == [("base", (T,)), ("tree", (T,))]
    assert len(runner.asked) == 6


def test_the_evidence_points_into_the_repository() -> None:
    failed = TestResult(
        T, Outcome.FAILED, message="boom", frames=(Frame("lib.py", 7, "f"), Frame("/usr/lib/json.py", 1, "g"))
    )
    result = judge(per_run([SuiteReport(Ran.COMPLETED, (failed,), (T,))], [{T: "passed"}]))
    assert (result.evidence[0].path, result.evidence[0].line) == ("lib.py", 7)


@pytest.mark.parametrize(
    ("base", "tree", "says"),
    [
        ({T: "passed"}, {T: "passed"}, "does not show the bug: on the base it passes"),
        ({T: "skipped"}, {T: "passed"}, "does not show the bug: on the base it is skipped"),
        ({"other": "passed"}, {T: "passed"}, "does not show the bug: on the base it does not exist"),
        ({T: "failed"}, {T: "failed: AssertionError: still\nmore"}, "fails (AssertionError: still) with the change"),
        ({T: "failed"}, {T: "error: ValueError: fixture"}, "errors (ValueError: fixture) with the change"),
        ({T: "failed"}, {T: "skipped"}, "is skipped with the change"),
        ({T: "failed"}, {T: "xfailed"}, "is xfailed with the change"),
        ({T: "failed"}, {"other": "passed"}, "is gone with the change"),
    ],
)
def test_anything_else_fails_and_says_so(base: Mapping[str, str], tree: Mapping[str, str], says: str) -> None:
    result = judge(per_run([base], [tree]))
    assert (result.status, result.why) == (Status.FAIL, f"{T} {says}.")


@pytest.mark.parametrize(
    ("base", "tree"),
    [
        ({T: "error: RuntimeError: set-up"}, {T: "passed"}),
        ({T: "xfailed: known"}, {T: "xpassed"}),
        ({f"{T}[1]": "failed", f"{T}[2]": "passed"}, {f"{T}[1]": "passed", f"{T}[2]": "passed"}),
        ({f"{T}[1]": "failed", f"{T}[2]": "skipped"}, {f"{T}[1]": "passed", f"{T}[2]": "skipped"}),
    ],
)
def test_other_ways_to_fail_and_to_pass_count_too(base: Mapping[str, str], tree: Mapping[str, str]) -> None:
    assert judge(per_run([base], [tree])).status is Status.PASS


def test_a_case_that_fails_with_the_change_fails_its_test() -> None:
    runner = steady({f"{T}[1]": "failed"}, {f"{T}[1]": "passed", f"{T}[2]": "failed"})
    assert judge(runner, [f"{T}[1]"]).status is Status.PASS
    assert judge(per_run([{f"{T}[1]": "failed"}], [{f"{T}[1]": "passed", f"{T}[2]": "failed"}])).status is Status.FAIL


def test_a_test_that_flips_on_the_base_is_no_reproduction() -> None:
    result = judge(per_run([{T: "failed"}, {T: "failed"}, {T: "passed"}], [{T: "passed"}]))
    assert result.why == f"{T} does not show the bug: on the base it passes in 1 of 3 runs."


def test_a_test_that_flips_with_the_change_is_not_fixed() -> None:
    result = judge(per_run([{T: "failed"}], [{T: "passed"}, {T: "failed: Timeout"}]))
    assert result.why == f"{T} fails (Timeout) with the change in 2 of 3 runs."


def test_each_failing_test_counts() -> None:
    runner = steady({"a": "failed", "b": "failed"}, {"a": "passed", "b": "failed"})
    assert judge(runner, ["a", "b"]).status is Status.FAIL
    good = judge(steady({"a": "failed", "b": "failed"}, {"a": "passed", "b": "passed"}), ["a", "b"], repeats=1)
    assert good.why == "All 2 failing tests fail on the base and pass with the change, once."


def test_a_collection_error_on_the_base_is_a_failure_that_is_said() -> None:
    file = "tests/test_a.py"
    result = judge(per_run([{file: "error: ImportError: no name 'f'"}], [{T: "passed"}]))
    assert result.status is Status.PASS
    assert "could not even be reached (was not collected: ImportError: no name 'f')" in result.why


def test_a_collection_error_in_a_file_that_the_change_touches_says_nothing() -> None:
    change = change_of({}, {"tests/test_a.py": "def test_t(): pass\n"})
    case = case_of(change, failing=[T])
    runner = per_run([{"tests/test_a.py": "error: SyntaxError"}], [{T: "passed"}])
    result = Reproduce(Measure(runner, case)).judge(case)
    assert result.status is Status.FAIL
    assert "the change touches tests/test_a.py" in result.why


@pytest.mark.parametrize("ran", [Ran.TIMED_OUT, Ran.CRASHED])
def test_a_hang_or_crash_on_the_base_is_the_bug(ran: Ran) -> None:
    runner = per_run([SuiteReport(ran, collected=(T,), why="no end in 5 s")], [{T: "passed"}])
    assert judge(runner).status is Status.PASS


@pytest.mark.parametrize("ran", [Ran.TIMED_OUT, Ran.CRASHED, Ran.NOT_STARTED])
def test_a_run_with_the_change_that_does_not_end_is_no_fix(ran: Ran) -> None:
    result = judge(per_run([{T: "failed"}], [SuiteReport(ran, why="it broke")]))
    assert result.status is Status.FAIL
    assert f"({ran}: it broke)" in result.why


def test_a_run_that_is_killed_is_made_again_once() -> None:
    killed = SuiteReport(Ran.CRASHED, why="killed by SIGKILL", killed=True)
    assert judge(per_run([killed, {T: "failed"}], [killed, {T: "passed"}])).status is Status.PASS
    assert judge(per_run([{T: "failed"}], [killed, killed, {T: "passed"}])).status is Status.FAIL


def test_a_suite_that_starts_on_neither_tree_says_nothing() -> None:
    broken = SuiteReport(Ran.NOT_STARTED, why="pytest is not installed")
    result = judge(per_run([broken], [broken]))
    assert (result.status, result.why) == (
        Status.SKIP,
        "The failing tests start on neither tree: pytest is not installed.",
    )


def test_without_a_failing_test_one_that_turns_good_each_time_is_the_reproduction() -> None:
    runner = steady(
        {"a": "failed: AssertionError: x", "b": "passed", "c": "failed"}, {"a": "passed", "b": "passed", "c": "failed"}
    )
    result = judge(runner, ())
    assert result.status is Status.PASS
    assert (
        result.why == "The ticket names no failing test; a failed on the base and passed with the change, 3 times each."
    )


def test_without_a_failing_test_a_flaky_one_is_no_reproduction() -> None:
    def say(at: str, ids: Sequence[str] | None, nth: int) -> SuiteReport:
        flaky = "failed" if at == "base" and (ids is None or nth == 0) else "passed"
        return report({"a": flaky})

    result = judge(TreeRunner(say), ())
    assert result.status is Status.SKIP
    assert result.why == "The ticket names no failing test, and no test that failed on the base passes with the change."


def test_a_command_that_goes_from_failing_to_passing_is_a_reproduction() -> None:
    result = judge(
        steady({"make test": "failed"}, {"make test": "passed"}), (), suite=Suite("command", ("make", "test"))
    )
    assert result.status is Status.PASS
