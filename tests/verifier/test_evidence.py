"""Evidence beside lines: gathered from real runs, bounded, and never a reason to judge otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from sandbox import Sandbox, SandboxError
from shadowfs import ShadowfsError
from tests.sandbox.cases import needs_local
from tests.verifier.cases import case_of, change_of, report, steady
from tests.verifier.project import PYTEST, opener
from verifier import (
    Called,
    Case,
    Evidence,
    Function,
    InsideObserver,
    InsideRunner,
    Ladder,
    Observed,
    Outcome,
    ProtocolBroken,
    Ran,
    ScriptedObserver,
    Suite,
    Verdict,
)

BEFORE = {
    "shop.py": """\
import random


def total(prices, rebate=0):
    summed = 0
    for price in prices[1:]:
        summed += price
    return summed - rebate


def lucky(name):
    return random.random()


def unused(x):
    return x


LIMIT = 3
""",
    "test_shop.py": """\
from shop import LIMIT, lucky, total


def test_all_are_summed():
    assert total([3, 4]) == 7


def test_nothing_is_free():
    assert total([]) == 0


def test_lucky():
    assert lucky("a") < LIMIT
""",
    "conftest.py": "",
}
AFTER = {
    **BEFORE,
    "shop.py": BEFORE["shop.py"]
    .replace("prices[1:]", "prices")
    .replace("return random", "return 0 + random")
    .replace("return x", "return x + 1")
    .replace("LIMIT = 3", "LIMIT = 4"),
}
FAILS = "test_shop.py::test_all_are_summed"


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """Return the verdict on a change of the small shop, judged and watched for real."""
    directory = tmp_path_factory.mktemp("evidence")
    case = Case(change_of(BEFORE, AFTER), PYTEST, opener(directory, BEFORE, AFTER), (FAILS,), repeats=1)
    return Ladder(InsideRunner(), observer=InsideObserver()).judge(case)


def told(facts: Sequence[Evidence], kind: str) -> list[tuple[int | None, str]]:
    return [(fact.line, fact.sentence) for fact in facts if fact.kind == kind]


@needs_local
def test_the_tests_that_run_a_line_stand_beside_it_with_how_they_ended(verdict: Verdict) -> None:
    assert verdict.verified, verdict
    assert told(verdict.beside, "covered") == [
        (6, f"{FAILS} runs this: failed before, passed now"),
        (6, "test_shop.py::test_nothing_is_free runs this: passed, as before"),
        (12, "test_shop.py::test_lucky runs this: passed, as before"),
    ]


@needs_local
def test_a_call_that_comes_out_otherwise_is_told_and_what_changes_by_itself_is_not(verdict: Verdict) -> None:
    assert told(verdict.beside, "differs") == [(6, "total(prices=[3, 4], rebate=0): returns 4 before, returns 7 now")]
    values = told(verdict.beside, "value")
    assert (6, "total(prices=[], rebate=0): returns 0, as before") in values
    lucky = [text for line, text in values if line == 12]
    assert len(lucky) == 1 and lucky[0].startswith("lucky(name='a'): returns 0."), values


@needs_local
def test_a_line_that_no_test_runs_is_told_and_one_that_runs_at_import_is_none(verdict: Verdict) -> None:
    assert told(verdict.beside, "uncovered") == [(16, "none of the 3 tests runs this")]


# ---- without a machine: what an observer says, and what becomes of it

CHANGE = change_of(
    {"a.py": "def f(x):\n    return x\n"},
    {"a.py": "def f(x):\n    return x + 1\n", "test_a.py": "def test_new(): f()\n"},
)
OLD = {"t::fix": "failed", "t::other": "passed"}
NEW = {"t::fix": "passed", "t::other": "passed", "t::new": "passed"}
F = Function("a.py", 1, "f")


def says(seen: Mapping[str, Observed | Exception]) -> ScriptedObserver:
    """Return an observer that sees this on the trees named, or meets that."""

    def see(sandbox: Sandbox) -> Observed:
        said = seen[str(getattr(sandbox, "tree", ""))]
        if isinstance(said, Exception):
            raise said
        return said

    return ScriptedObserver(see)


def seen(
    outcomes: Mapping[str, str], *calls: Called, ran: Ran = Ran.COMPLETED, lines: Mapping[str, int] = {}
) -> Observed:
    found = {test: {"a.py": frozenset({line})} for test, line in lines.items()}
    return Observed(ran, {test: Outcome(said) for test, said in outcomes.items()}, found, calls)


def judged(observer: ScriptedObserver, case: Case | None = None) -> Verdict:
    case = case_of(CHANGE, failing=["t::fix"], repeats=1) if case is None else case
    return Ladder(steady(OLD, NEW), observer=observer).judge(case)


def test_what_an_observer_breaks_on_takes_nothing_from_the_verdict() -> None:
    plain = Ladder(steady(OLD, NEW)).judge(case_of(CHANGE, failing=["t::fix"], repeats=1))
    assert plain.verified and plain.beside == ()
    for error in (ProtocolBroken("nonsense"), SandboxError("gone"), ShadowfsError("gone"), OSError("full")):
        verdict = judged(says({"tree": error}))
        assert [replace(rung, seconds=0.0) for rung in verdict.rungs] == [
            replace(rung, seconds=0.0) for rung in plain.rungs
        ]
        assert verdict.verified and verdict.beside == ()


def test_a_run_that_did_not_end_says_what_it_saw_and_never_that_nothing_runs_a_line() -> None:
    whole = judged(says({"tree": seen(NEW), "base": seen(OLD)}))
    assert told(whole.beside, "uncovered") == [(2, "none of the 3 tests runs this")]
    cut = judged(says({"tree": seen({"t::fix": "passed"}, ran=Ran.TIMED_OUT, lines={"t::fix": 2}), "base": seen(OLD)}))
    assert told(cut.beside, "covered") == [(2, "t::fix runs this: failed before, passed now")]
    assert not told(judged(says({"tree": seen({}, ran=Ran.CRASHED)})).beside, "uncovered")


def test_a_test_that_ends_otherwise_while_it_is_watched_is_no_witness() -> None:
    watched = {**NEW, "t::fix": "failed"}
    calls = [Called("t::fix", F, "f(x=1)", "returns 2", "d", "2"), Called("t::new", F, "f(x=2)", "returns 3", "e", "3")]
    facts = judged(says({"tree": seen(watched, *calls, lines={"t::fix": 2, "t::new": 2}), "base": seen(OLD)})).beside
    assert told(facts, "covered") == [(2, "t::new runs this: not there before, passed now")]
    assert told(facts, "value") == [(2, "f(x=2): returns 3")]


def test_calls_of_no_test_are_no_evidence() -> None:
    calls = [Called("t::fix", F, "f(x=1)", "returns 2", "d", "2")]
    strange = [Called("", F, "f(x=1)", "returns 1", "d", "1"), Called("t::gone", F, "f(x=1)", "returns 1", "d", "1")]
    verdict = judged(says({"tree": seen(NEW, *calls, *strange), "base": seen(OLD, *strange)}))
    assert told(verdict.beside, "value") == [(2, "f(x=1): returns 2")] and not told(verdict.beside, "differs")


def test_calls_are_paired_by_their_arguments_and_told_once() -> None:
    now = [
        Called("t::fix", F, f"f(x={number})", f"returns {number + 1}", str(number), f"now {number}")
        for number in range(9)
    ]
    old = [
        Called("t::fix", F, f"f(x={number})", f"returns {number}", str(number), f"old {number}")
        for number in range(3, 9)
    ]
    facts = judged(says({"tree": seen(NEW, *now), "base": seen(OLD, *old)})).beside
    assert told(facts, "differs") == [(2, "f(x=3): returns 3 before, returns 4 now")]
    assert told(facts, "value") == [(2, "f(x=0): returns 1"), (2, "f(x=1): returns 2")]
    unlike = [replace(each, given="") for each in old]
    assert not told(judged(says({"tree": seen(NEW, *now), "base": seen(OLD, *unlike)})).beside, "differs")


def test_there_are_only_so_many_facts() -> None:
    text = "".join(f"def f{number}(x):\n    return x\n\n\n" for number in range(400))
    change = change_of({"a.py": text}, {"a.py": text.replace("return x", "return -x")})
    observer = says({"tree": seen(NEW), "base": seen(OLD)})
    verdict = judged(observer, case_of(change, failing=["t::fix"], repeats=1))
    assert len(verdict.beside) == 200
    _, watch, _ = observer.asked[0]
    assert watch.first == {"t::fix"} and len(watch.lines["a.py"]) == 400


def test_a_test_whose_name_is_a_book_is_not_watched() -> None:
    book = "t::" + "x" * 40_000
    observer = says({"tree": seen(NEW), "base": seen(OLD)})
    runner = steady({**OLD, book: "passed"}, {**NEW, book: "passed"})
    verdict = Ladder(runner, observer=observer).judge(case_of(CHANGE, failing=["t::fix"], repeats=1))
    ids, _, _ = observer.asked[0]
    assert "t::fix" in ids and book not in ids
    assert not told(verdict.beside, "uncovered")


def test_what_cannot_be_watched_is_not() -> None:
    observer = says({})
    judged(observer, case_of(CHANGE, failing=["t::fix"], suite=Suite("command", ("make",)), repeats=1))
    judged(observer, case_of(change_of({"a.txt": "x"}, {"a.txt": "y"}), failing=["t::fix"], repeats=1))
    judged(observer, replace(case_of(CHANGE, failing=["t::fix"], repeats=1), left_s=lambda: 1.0))
    newer = change_of({"a.py": "x = 1\n"}, {"a.py": "type X = int\n"})
    deep = change_of({"a.py": "x = 1\n"}, {"a.py": f"x = {'-' * 60_000}1\n"})
    for change in (newer, deep):
        assert judged(observer, case_of(change, failing=["t::fix"], repeats=1)) is not None
    assert observer.asked == []


def test_the_suite_s_time_bounds_how_long_tests_are_watched() -> None:
    slow = {f"t::slow{number}": "passed" for number in range(50)}
    base, tree = ({**each, **slow} for each in (OLD, NEW))
    runner = steady(base, tree)

    def say(at: str, ids: Sequence[str] | None, nth: int) -> object:
        del nth
        outcomes = {test: said for test, said in (base if at == "base" else tree).items() if ids is None or test in ids}
        made = report(outcomes)
        tests = tuple(replace(test, seconds=1.0 if "slow" in test.id else 0.01) for test in made.tests)
        return replace(made, tests=tests, seconds=sum(test.seconds for test in tests))

    runner.say = say  # type: ignore[assignment]
    observer = says({"tree": seen({}), "base": seen({})})
    Ladder(runner, observer=observer).judge(case_of(CHANGE, failing=["t::fix"], repeats=1))
    ids, _, limits = observer.asked[0]
    assert ids[:3] == ("t::fix", "t::other", "t::new") and 3 < len(ids) < 20
    assert limits.wall_s is not None and limits.wall_s < 50
