"""The agent on workspaces in memory: what it changes, leaves out and why, and that a second life ends like the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from agents import MemoryWorkspace, NoFix, OutOfBudget, Proposal, Task
from agents.migration.agent import MigrationAgent, Settings
from agents.migration.bisection import culprits
from shadowfs import Example, ExampleFile
from verifier import Outcome, Ran, Suite, SuiteReport, TestResult

BEFORE = b"from m import old\nx = old(1)\n"
AFTER = b"from m import new\nx = new(1)\n"
EXAMPLE = Example("a1b2c3", (ExampleFile("pkg/done.py", BEFORE, AFTER),))
FILES = {
    "pkg/done.py": AFTER,
    **{f"pkg/{name}.py": BEFORE for name in "abcd"},
    "pkg/odd.py": b"from m import old\ny = map(old, z)\n",
    "pkg/fixed.py": BEFORE,
    "tests/test_a.py": BEFORE,
    "README.md": b"old(1)\n",
}
TASK = Task("do the rest", Suite("command", ("true",)), protected=frozenset({"pkg/fixed.py"}), examples=(EXAMPLE,))


def breaking(*paths: str) -> MemoryWorkspace:
    """Return a workspace in which each of some files has a test that breaks when it is changed."""

    def say(files: Mapping[str, bytes], ids: Sequence[str] | None) -> SuiteReport:
        outcomes = {path: Outcome.PASSED if files[path] == FILES[path] else Outcome.FAILED for path in paths}
        tests = [TestResult(f"test of {path}", outcome) for path, outcome in outcomes.items()]
        tests.append(TestResult("test of nothing", Outcome.PASSED))
        return SuiteReport(Ran.COMPLETED, tuple(test for test in tests if ids is None or test.id in ids))

    return MemoryWorkspace(FILES, say=say, protected=TASK.protected)


def test_it_changes_what_is_like_the_example_and_lists_the_rest() -> None:
    workspace = breaking()
    result = MigrationAgent().work(TASK, workspace)
    assert isinstance(result, Proposal), result
    assert list(result.change.paths()) == [f"pkg/{name}.py" for name in "abcd"]
    assert all(workspace.files[f"pkg/{name}.py"] == AFTER for name in "abcd")
    assert result.title == "Migrate the rest: old⟨1⟩ → new⟨1⟩"
    for part in (
        "4 places in 4 files changed as a1b2c3 did.",
        "4 of them: old⟨1⟩ → new⟨1⟩ (like pkg/done.py:2 of a1b2c3)",
        "pkg/fixed.py:2 `old(1)`: it is protected",
        "tests/test_a.py:2 `old(1)`: it is a test, and what judges the change is not changed",
        "pkg/odd.py:2 `(old, z)`: it is used without being called",
    ):
        assert part in result.explanation


def test_places_that_break_tests_are_found_and_left_out() -> None:
    workspace = breaking("pkg/b.py", "pkg/d.py")
    result = MigrationAgent().work(TASK, workspace)
    assert isinstance(result, Proposal), result
    assert list(result.change.paths()) == ["pkg/a.py", "pkg/c.py"]
    assert "pkg/b.py:2 `old(1)`: test of pkg/b.py breaks with it" in result.explanation


def test_where_all_break_nothing_is_proposed() -> None:
    workspace = breaking("pkg/a.py", "pkg/b.py", "pkg/c.py", "pkg/d.py")
    result = MigrationAgent().work(TASK, workspace)
    assert isinstance(result, NoFix) and "breaks with it" in result.why
    assert workspace.files == FILES


def test_a_second_life_ends_like_the_first() -> None:
    first = breaking("pkg/b.py")
    ended = MigrationAgent().work(TASK, first)
    second = MigrationAgent().work(TASK, first)
    assert isinstance(ended, Proposal) and isinstance(second, Proposal)
    assert (second.change.tree, second.title) == (ended.change.tree, ended.title)


def test_no_more_places_are_changed_than_may_be() -> None:
    result = MigrationAgent(Settings(places=3)).work(TASK, breaking())
    assert isinstance(result, Proposal)
    assert len(result.change.files) == 3 and "as many as are changed at once" in result.explanation


def test_a_spent_budget_goes_through_it() -> None:
    with pytest.raises(OutOfBudget):
        MigrationAgent().work(TASK, MemoryWorkspace(FILES, budget_s=0.0))


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ((), "they change nothing"),
        ((ExampleFile("a.py", None, b"x()\n"),), "added whole"),
        ((ExampleFile("a.py", b"x = 5\n", b"x = 6\n"),), "no name stays"),
        (
            (ExampleFile("a.py", BEFORE, AFTER), ExampleFile("b.py", BEFORE, AFTER.replace(b"new", b"other"))),
            "contradict each other",
        ),
        ((ExampleFile("a.py", b"nowhere(1)\n", b"print(1)\n"),), "No place is left"),
    ],
)
def test_examples_that_show_nothing_end_honestly(files: tuple[ExampleFile, ...], why: str) -> None:
    task = Task("do the rest", TASK.suite, examples=(Example("one", files),))
    result = MigrationAgent().work(task, MemoryWorkspace(FILES))
    assert isinstance(result, NoFix)
    assert why in result.why and result.needs


def test_bisection_finds_what_breaks_alone_and_what_breaks_together() -> None:
    assert culprits(range(16), lambda some: 3 in some or 12 in some) == [3, 12]
    assert set(culprits(range(4), lambda some: {0, 3} <= set(some))) == {0, 1, 2, 3}
