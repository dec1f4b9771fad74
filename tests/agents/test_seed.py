"""Seeding over a real suite in the real fork server: what is told of each bug is so, and what proves nothing is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from agents import Harvest, Wanted, seed_bugs
from agents.seeding.hunt import NOTHING
from tests.agents.repair.folder import FolderWorkspace, opened
from verifier import Candidate, Ending, ForkServers, Outcome, ProtocolBroken, ScriptedTrials, Trial

CODE = """\
def total(items, start):
    # é: every item counts
    result = start
    for item in items[1:]:
        result += item
    return result


def weak(low, high):
    if low > high:
        low, high = high, low
    return high - low


def never(a, b):
    return a + b
"""
TEST = """\
import unittest
from m import total, weak

class Tests(unittest.TestCase):
    def test_total(self): self.assertEqual(total([1, 2, 3], 0), 5)
    def test_start(self): self.assertEqual(total([], 4), 4)
    def test_weak(self): weak(1, 2)
    def test_bad(self): self.assertEqual(total([9, 1], 0), 10)
    def test_other(self): self.assertEqual(total((5, 6), 1), 7)
"""
FILES: dict[str, str | bytes] = {"m.py": CODE, "test_m.py": TEST}


def harvest(folder: Path, wanted: Wanted) -> Harvest:
    with opened(folder, FILES, "unittest") as (workspace, suite):
        with ForkServers().start(workspace.sandbox, suite) as trials:
            found = seed_bugs(trials, dict(workspace.files), wanted)
        for bug in (*found.seeded, *found.survivors):
            _really_so(workspace, bug.candidate, bug.failing)
    return found


def _really_so(workspace: FolderWorkspace, candidate: Candidate, failing: Sequence[str]) -> None:
    """Put a bug into the folder, run the suite for real, and compare."""
    path = candidate.edits[0].path
    right = workspace.read(path)
    wrong = right
    for edit in sorted(candidate.edits, key=lambda edit: -edit.start):
        wrong = wrong[: edit.start] + edit.text.encode() + wrong[edit.end :]
    workspace.write(path, wrong)
    assert set(workspace.test().bad()) - {"test_m.Tests.test_bad"} == set(failing)
    workspace.write(path, right)


def test_each_bug_fails_the_tests_that_are_told_and_survivors_fail_none(tmp_path: Path) -> None:
    found = harvest(tmp_path, Wanted(3, 1))
    assert len(found.seeded) == 3 and all(bug.failing for bug in found.seeded)
    assert "weak" in {bug.function for bug in found.survivors}
    assert "never" not in {bug.function for bug in (*found.seeded, *found.survivors)}
    assert (found.tests, found.traced) == (4, 4)
    assert 0 < found.executed < found.statements
    assert found.noticed is not None and 0 < found.noticed < 1


def test_the_same_seed_makes_the_same_bugs(tmp_path: Path) -> None:
    with (
        opened(tmp_path, FILES, "unittest") as (workspace, suite),
        ForkServers().start(workspace.sandbox, suite) as trials,
    ):
        first, again, other = (seed_bugs(trials, dict(workspace.files), Wanted(3, seed)) for seed in (1, 1, 2))
    assert first == again != other


ALL = {"t.py::one": Outcome.PASSED, "t.py::two": Outcome.PASSED, "t.py::old": Outcome.FAILED}
ALL |= {f"t.py::{number}": Outcome.PASSED for number in range(6)}
LINES = {test: {"m.py": frozenset({3, 5, 6})} for test in ALL}


def scripted(judge: Callable[[Candidate, Sequence[str]], Trial]) -> Harvest:
    return seed_bugs(ScriptedTrials(ALL, judge, LINES), {"m.py": CODE.encode()}, Wanted(2, 0, 2))


@pytest.mark.parametrize(
    ("ending", "failed", "counted"),
    [
        (Ending.TIMED_OUT, ("t.py::one",), "hung"),
        (Ending.DIED, ("t.py::one",), "died"),
        (Ending.FAILED, tuple(LINES), "obvious"),
        (Ending.FAILED, (), "unsteady"),
    ],
)
def test_what_proves_nothing_is_left_out_and_counted(ending: Ending, failed: tuple[str, ...], counted: str) -> None:
    def judge(candidate: Candidate, tests: Sequence[str]) -> Trial:
        assert "t.py::old" not in tests
        return Trial(candidate, Ending.PASSED) if candidate is NOTHING else Trial(candidate, ending, failed)

    found = scripted(judge)
    assert not found.seeded and not found.survivors
    assert getattr(found, counted) == 4
    assert found.why_ended == "4 bugs were tried, which is the limit"


def test_a_test_that_fails_without_the_bug_too_is_not_counted() -> None:
    def judge(candidate: Candidate, tests: Sequence[str]) -> Trial:
        del tests
        if candidate is NOTHING:
            return Trial(candidate, Ending.FAILED, ("t.py::two",))
        return Trial(candidate, Ending.FAILED, ("t.py::one", "t.py::two"))

    assert {bug.failing for bug in scripted(judge).seeded} == {("t.py::one",)}


def test_a_test_that_flips_is_not_counted() -> None:
    calls: list[Candidate] = []

    def judge(candidate: Candidate, tests: Sequence[str]) -> Trial:
        del tests
        calls.append(candidate)
        first = calls.count(candidate) == 1 and candidate is not NOTHING
        return Trial(candidate, Ending.FAILED, ("t.py::one",)) if first else Trial(candidate, Ending.PASSED)

    found = scripted(judge)
    assert not found.seeded and found.unsteady


def test_a_test_that_only_skips_is_not_counted() -> None:
    def judge(candidate: Candidate, tests: Sequence[str]) -> Trial:
        return Trial(candidate, Ending.FAILED, tuple(tests[:1]), "skipped now")

    assert scripted(judge).unsteady == 4


def test_without_a_passing_test_it_says_so() -> None:
    trials = ScriptedTrials({"t.py::old": Outcome.FAILED}, lambda candidate, _: Trial(candidate, Ending.PASSED))
    found = seed_bugs(trials, {"m.py": CODE.encode(), "bad.py": b"print 'old'\n"})
    assert found.why_ended == "no test passes, so nothing would notice a bug"
    assert found.noticed is None
    assert [text.partition(" ")[0] for text in found.skipped] == ["bad.py"]


def test_it_ends_when_the_time_is_used_up() -> None:
    trials = ScriptedTrials(ALL, lambda candidate, _: Trial(candidate, Ending.PASSED), LINES)
    found = seed_bugs(trials, {"m.py": CODE.encode()}, remaining_s=lambda: 0.0)
    assert found.why_ended == "the time was used up" and not trials.tried


def test_what_was_found_is_kept_when_a_bug_ends_the_server() -> None:
    def judge(candidate: Candidate, tests: Sequence[str]) -> Trial:
        del tests
        if trials.tried.count(candidate) < len(trials.tried):
            raise ProtocolBroken("the fork server ended: killed")
        return Trial(candidate, Ending.PASSED)

    trials = ScriptedTrials(ALL, judge, LINES)
    found = seed_bugs(trials, {"m.py": CODE.encode()})
    assert len(found.survivors) == 1 and found.why_ended == "the fork server ended: killed"
