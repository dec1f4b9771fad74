"""The ladder as a whole: order, early stop, what counts as verified."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.verifier.cases import FIX, case_of, change_of, steady
from verifier import Case, Ladder, Measure, RungResult, Status, Verdict
from verifier.verdict import DECISIVE

BASE = {"test_a": "failed: AssertionError: 1 != 2", "test_b": "passed"}
GOOD = {"test_a": "passed", "test_b": "passed"}

names = st.sampled_from(["applies", "tamper", "reproduce", "suite", "other"])
results = st.builds(RungResult, names, st.sampled_from(Status), st.text(max_size=10))
rung_lists = st.lists(results, max_size=6).map(tuple)


def test_a_good_change_is_verified_rung_by_rung() -> None:
    verdict = Ladder(steady(BASE, GOOD)).judge(case_of(FIX, failing=["test_a"]))
    assert [(rung.name, rung.status) for rung in verdict.rungs] == [
        ("applies", Status.PASS),
        ("tamper", Status.PASS),
        ("diagnostics", Status.SKIP),
        ("reproduce", Status.PASS),
        ("suite", Status.PASS),
    ]
    assert verdict.verified
    assert (verdict.base, verdict.tree) == (FIX.base, FIX.tree)
    assert all(rung.why.endswith(".") for rung in verdict.rungs)


def test_an_empty_change_stops_the_ladder_at_once() -> None:
    runner = steady(BASE, GOOD)
    verdict = Ladder(runner).judge(case_of(change_of({}, {}), failing=["test_a"]))
    assert [rung.status for rung in verdict.rungs] == [Status.FAIL, *[Status.SKIP] * 4]
    assert verdict.rungs[4].why == "Not tried, because `applies` failed."
    assert not runner.asked


def test_a_change_that_does_not_fix_saves_the_dear_rung() -> None:
    runner = steady(BASE, BASE)
    verdict = Ladder(runner).judge(case_of(FIX, failing=["test_a"]))
    assert verdict.rungs[3].status is Status.FAIL
    assert verdict.rungs[4].status is Status.SKIP
    assert (FIX.tree, None) not in runner.asked


def test_a_tampering_change_is_still_measured() -> None:
    change = change_of({"tests/test_x.py": "def test_x(): assert f() == 1\n"}, {"tests/test_x.py": ""})
    verdict = Ladder(steady(BASE, GOOD)).judge(case_of(change, failing=["test_a"]))
    by_name = {rung.name: rung.status for rung in verdict.rungs}
    assert (by_name["tamper"], by_name["reproduce"], by_name["suite"]) == (Status.FAIL, Status.PASS, Status.PASS)
    assert not verdict.verified


def test_rungs_share_runs_and_a_new_verdict_makes_them_anew() -> None:
    runner = steady(BASE, GOOD)
    ladder, case = Ladder(runner), case_of(FIX)
    ladder.judge(case)
    once = runner.asked.count((FIX.base, None))
    ladder.judge(case)
    assert (once, runner.asked.count((FIX.base, None))) == (1, 2)


def test_a_watcher_sees_each_rung_start_and_end() -> None:
    seen: list[tuple[str, bool]] = []
    Ladder(steady(BASE, GOOD)).judge(case_of(FIX), lambda name, result: seen.append((name, result is not None)))
    assert seen[:4] == [("applies", False), ("applies", True), ("tamper", False), ("tamper", True)]


def test_a_rung_of_ones_own_joins_and_is_timed() -> None:
    class Slow:
        name = "slow"

        def __init__(self, measure: Measure) -> None:
            del measure

        def judge(self, case: Case) -> RungResult:
            return RungResult(self.name, Status.PASS, f"{len(case.change.files)} files.")

    ticks = iter([10.0, 12.5])
    verdict = Ladder(steady({}, {}), [Slow], clock=lambda: next(ticks)).judge(case_of(FIX))
    assert verdict.rungs == (RungResult("slow", Status.PASS, "1 files.", seconds=2.5),)


@given(rung_lists, results.filter(lambda result: result.status is Status.FAIL))
def test_a_failing_rung_never_leaves_a_verdict_verified(rungs: tuple[RungResult, ...], failing: RungResult) -> None:
    assert not Verdict("a", "b", (*rungs, failing)).verified
    assert not Verdict("a", "b", (failing, *rungs)).verified


@given(rung_lists, st.integers(0, 5))
def test_taking_a_pass_away_never_makes_a_verdict_verified(rungs: tuple[RungResult, ...], at: int) -> None:
    passes = [number for number, rung in enumerate(rungs) if rung.status is Status.PASS]
    if not passes or Verdict("a", "b", rungs).verified:
        return
    lost = passes[at % len(passes)]
    assert not Verdict("a", "b", rungs[:lost] + rungs[lost + 1 :]).verified


@given(st.permutations(["applies", "tamper", *DECISIVE]))
def test_both_decisive_rungs_must_pass(order: list[str]) -> None:
    rungs = tuple(RungResult(name, Status.PASS, "") for name in order)
    assert Verdict("a", "b", rungs).verified
    for name in DECISIVE:
        assert not Verdict("a", "b", tuple(rung for rung in rungs if rung.name != name)).verified


def test_a_verdict_without_rungs_is_not_verified() -> None:
    assert not Verdict("a", "b", ()).verified
