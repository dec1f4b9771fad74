"""What every Runner, Observer and Trials keep: the real ones in a real sandbox, and the scripted ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from sandbox import Sandbox
from tests.verifier.project import LIMITS, PYTEST, UNITTEST, opened, replacing, write
from verifier import (
    Behaviour,
    Called,
    Candidate,
    Ending,
    ForkServers,
    Function,
    InsideObserver,
    InsideRunner,
    Observed,
    Observer,
    Outcome,
    Ran,
    Runner,
    ScriptedObserver,
    ScriptedRunner,
    ScriptedTrials,
    Suite,
    Trial,
    Trials,
    TrialsFactory,
    Watch,
)

FILES = {
    "lib.py": "def add(a, b):\n    return a - b\n",
    "test_lib.py": """
        import unittest, lib
        class T(unittest.TestCase):
            def test_add(self): self.assertEqual(lib.add(1, 2), 3)
            def test_zero(self): self.assertEqual(lib.add(1, 0), 1)
            @unittest.skip("not here")
            def test_skipped(self): pass
    """,
}
SAID = {"test_add": Outcome.FAILED, "test_skipped": Outcome.SKIPPED, "test_zero": Outcome.PASSED}
PREFIXES = {"pytest": "test_lib.py::T", "unittest": "test_lib.T", "scripted": "test_lib.py::T"}


def named(kind: str) -> dict[str, Outcome]:
    joint = "." if kind == "unittest" else "::"
    return {f"{PREFIXES[kind]}{joint}{name}": outcome for name, outcome in SAID.items()}


def judged(candidate: Candidate, tests: Sequence[str]) -> Trial:
    text = candidate.edits[0].text
    if text.endswith("+"):
        return Trial(candidate, Ending.INAPPLICABLE)
    wrong = [test for test in tests if test.endswith("test_add") and text != "a + b"]
    return Trial(candidate, Ending.FAILED if wrong else Ending.PASSED, tuple(wrong))


def behaved(candidates: Sequence[Candidate]) -> tuple[Behaviour, ...]:
    outcomes = tuple("3" if "+" in each.edits[0].text else "2" for each in candidates)
    return (Behaviour("add(1, 2)", 3, outcomes, outcomes, "-1", "-1", mutated=False, failing=True),)


ADD = Function("lib.py", 1, "add")
ZERO = f"{PREFIXES['scripted']}::test_zero"
SEEN = Observed(
    Ran.COMPLETED,
    named("scripted"),
    {test: {"lib.py": frozenset({1, 2})} for test in named("scripted")},
    (
        Called(f"{PREFIXES['scripted']}::test_add", ADD, "add(a=1, b=2)", "returns -1"),
        Called(ZERO, ADD, "add(a=1, b=0)", "returns 1"),
    ),
)


@pytest.fixture(params=["pytest", "unittest", "scripted"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def suite(kind: str) -> Suite:
    return UNITTEST if kind == "unittest" else PYTEST


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "p", FILES)


@pytest.fixture
def sandbox(root: Path) -> Iterator[Sandbox]:
    with opened(root) as sandbox:
        yield sandbox


@pytest.fixture
def runner(kind: str) -> Runner:
    return ScriptedRunner(lambda _: named("scripted")) if kind == "scripted" else InsideRunner()


@pytest.fixture
def observer(kind: str) -> Observer:
    return ScriptedObserver(lambda _: SEEN) if kind == "scripted" else InsideObserver()


@pytest.fixture
def trials(kind: str, sandbox: Sandbox, suite: Suite) -> Iterator[Trials]:
    factory: TrialsFactory = (
        ScriptedTrials(named("scripted"), judged, behave=behaved) if kind == "scripted" else ForkServers()
    )
    with factory.start(sandbox, suite, LIMITS) as trials:
        yield trials


def test_a_run_tells_what_each_test_said(runner: Runner, kind: str, sandbox: Sandbox, suite: Suite) -> None:
    report = runner.run(sandbox, suite, limits=LIMITS)
    assert report.ran is Ran.COMPLETED
    assert {test.id: test.outcome for test in report.tests} == named(kind)
    assert set(report.collected) == set(named(kind))


def test_ids_choose_single_tests_and_all_below_a_class(
    runner: Runner, kind: str, sandbox: Sandbox, suite: Suite
) -> None:
    first = next(iter(named(kind)))
    assert [test.id for test in runner.run(sandbox, suite, [first], LIMITS).tests] == [first]
    assert set(runner.run(sandbox, suite, [PREFIXES[kind]], LIMITS).by_id()) == set(named(kind))
    assert runner.run(sandbox, suite, ["nowhere"], LIMITS).ran is Ran.NOTHING_COLLECTED


def test_what_is_watched_is_told_of_the_tests_lines_and_functions_asked_for_alone(
    observer: Observer, kind: str, sandbox: Sandbox, suite: Suite
) -> None:
    (zero,) = (test for test in named(kind) if test.endswith("zero"))
    seen = observer.observe(sandbox, suite, [zero], Watch({"lib.py": frozenset({2})}, (ADD,)), LIMITS)
    assert (seen.ran, seen.outcomes) == (Ran.COMPLETED, {zero: Outcome.PASSED})
    assert {test: found for test, found in seen.lines.items() if found.get("lib.py")} == {zero: {"lib.py": {2}}}
    assert [(each.test, each.function, each.call, each.said) for each in seen.calls] == [
        (zero, ADD, "add(a=1, b=0)", "returns 1")
    ]
    blind = observer.observe(sandbox, suite, [zero], Watch({}), LIMITS)
    assert blind.calls == () and not any(blind.lines.values())


def test_trials_collect_and_tell_what_holds_without_a_candidate(trials: Trials, kind: str) -> None:
    assert set(trials.collected) == set(named(kind))
    assert {test.id: test.outcome for test in trials.baseline().tests} == named(kind)
    first = next(iter(named(kind)))
    assert trials.baseline([first]).bad() == (first,)


def test_trials_come_in_the_order_of_their_candidates(trials: Trials, kind: str, root: Path) -> None:
    texts = ["a * b", "a + b", "a +", "a - b"]
    candidates = [Candidate((replacing(root, "lib.py", "a - b", text),)) for text in texts]
    first = next(iter(named(kind)))
    done = list(trials.run(candidates, [first]))
    assert [trial.candidate for trial in done] == candidates
    assert [trial.ending for trial in done] == [Ending.FAILED, Ending.PASSED, Ending.INAPPLICABLE, Ending.FAILED]
    assert [trial.failed for trial in done] == [(first,), (), (), (first,)]


def test_behaviours_are_told_for_every_candidate_in_order(trials: Trials, kind: str, root: Path) -> None:
    texts = ["a + b", "b + a", "a * b"]
    candidates = [Candidate((replacing(root, "lib.py", "a - b", text),)) for text in texts]
    first, *others = named(kind)
    found = trials.behaviours(candidates, [first], others, most=20)
    assert all(len(each.outcomes) == len(each.shown) == 3 for each in found)
    assert all(each.outcomes[0] == each.outcomes[1] for each in found) and len(found) <= 20
    assert any(each.outcomes[0] != each.outcomes[2] for each in found)


def test_coverage_names_only_tests_that_were_asked_for(trials: Trials, kind: str) -> None:
    first, *others = named(kind)
    assert set(trials.coverage([first], [], 30.0).lines) <= {first}
    assert set(trials.coverage([first], others, 30.0).lines) <= set(named(kind))
