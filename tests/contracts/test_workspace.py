"""What every workspace must keep, over the one in memory and the orchestrator's on real shadows and sandboxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agents import BadPattern, MemoryWorkspace, OutOfBudget, Stopped, Workspace
from sandbox import Command
from tests.contracts.workspaces import BUDGET_S, BUGGY, FAILING, FILES, FIX, FIXED, PASSING, Hold, kinds, opened
from verifier import Outcome, Ran


@pytest.fixture(params=kinds())
def hold(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hold]:
    with opened(request.param, tmp_path) as hold:
        yield hold


@pytest.fixture
def workspace(hold: Hold) -> Workspace:
    return hold.workspace


def test_it_has_the_files_of_the_project_and_nothing_of_git(workspace: Workspace) -> None:
    assert set(workspace.paths()) - {".gitignore"} == set(FILES)
    assert {path: workspace.read(path) for path in FILES} == FILES


def test_a_missing_file_is_said_to_be_missing(workspace: Workspace) -> None:
    with pytest.raises(FileNotFoundError):
        workspace.read("no/such.py")
    with pytest.raises(FileNotFoundError):
        workspace.delete("no/such.py")


def test_search_finds_lines_by_their_number_from_one(workspace: Workspace) -> None:
    assert [found for found in workspace.search(r"age > \w+") if found[0] == "age.py"] == [
        ("age.py", 2, "    return bool(age > limit)")
    ]
    assert not list(workspace.search("nowhere at all"))
    for pattern in ("(", "a{99999999}"):
        with pytest.raises(BadPattern):
            list(workspace.search(pattern))


def test_places_are_found_by_what_they_say_also_after_an_edit(workspace: Workspace) -> None:
    found = workspace.locate("what does age say")
    assert {hit.path for hit in found} >= {"age.py"}
    assert all(1 <= hit.first <= hit.last for hit in found)
    assert len({hit.path for hit in workspace.locate("what does age say", 1)}) == 1
    workspace.delete("age.py")
    workspace.write("elsewhere.py", b"age = 3\n")
    if not isinstance(workspace, MemoryWorkspace):
        assert workspace.locate("age")[0].path != "age.py"


def test_what_is_written_is_read_and_is_the_change(workspace: Workspace) -> None:
    assert not workspace.change()
    workspace.write("age.py", FIXED.encode())
    workspace.write("new/file.txt", b"\xff\0")
    workspace.delete("tests/test_age.py")
    assert workspace.read("age.py") == FIXED.encode()
    change = workspace.change()
    assert [(file.path, file.kind) for file in change.files] == [
        ("age.py", "modified"),
        ("new/file.txt", "added"),
        ("tests/test_age.py", "deleted"),
    ]
    assert change.before("age.py") == BUGGY.encode()
    assert change.after("new/file.txt") == b"\xff\0"
    assert "tests/test_age.py" not in set(workspace.paths())


def test_the_past_of_a_file_is_told_as_far_as_it_is_known(workspace: Workspace) -> None:
    assert workspace.earlier("age.py") == (BUGGY.encode(),)
    workspace.write("new.py", b"")
    assert workspace.earlier("new.py") == ()
    with pytest.raises(FileNotFoundError):
        workspace.earlier("missing.py")
    with pytest.raises(PermissionError):
        workspace.earlier("../outside")


def test_undoing_leaves_no_change_and_equal_states_have_equal_trees(workspace: Workspace) -> None:
    first = workspace.change()
    workspace.write("age.py", FIXED.encode())
    second = workspace.change()
    workspace.write("age.py", BUGGY.encode())
    third = workspace.change()
    assert first.base == second.base == third.base == third.tree
    assert second.tree != first.tree
    assert not third


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", ".git/config", "tests/../../x", "tests/.git/b", ""])
def test_what_leaves_the_tree_or_is_git_is_refused(workspace: Workspace, path: str) -> None:
    with pytest.raises(PermissionError):
        workspace.read(path)
    with pytest.raises(PermissionError):
        workspace.write(path, b"x")
    with pytest.raises(PermissionError):
        workspace.delete(path)
    assert not workspace.change()


def test_a_protected_path_is_read_and_never_written(workspace: Workspace) -> None:
    assert workspace.read("conftest.py") == b""
    with pytest.raises(PermissionError, match="protected"):
        workspace.write("conftest.py", b"x")
    with pytest.raises(PermissionError, match="protected"):
        workspace.delete("conftest.py")
    assert not workspace.change()


def test_the_suite_runs_whole_or_in_part(workspace: Workspace) -> None:
    report = workspace.test()
    assert report.ran is Ran.COMPLETED
    assert {test: result.outcome for test, result in report.by_id().items()} == {
        FAILING: Outcome.FAILED,
        PASSING: Outcome.PASSED,
    }
    workspace.write("age.py", FIXED.encode())
    assert [(test.id, test.outcome) for test in workspace.test([FAILING]).tests] == [(FAILING, Outcome.PASSED)]


def test_what_a_command_writes_is_in_the_change(workspace: Workspace) -> None:
    completed = workspace.run(Command(("sh", "-c", FIX)))
    assert completed.ok
    assert completed.stdout == b"An age equal to the limit is old enough.\n"
    assert workspace.change().after("age.py") == FIXED.encode()


def test_what_a_command_that_was_started_writes_is_kept_when_it_is_said(workspace: Workspace) -> None:
    with workspace.start(Command(("sh", "-c", FIX))) as process:
        workspace.write("meanwhile.txt", b"1")
        assert process.wait() is not None
    if isinstance(workspace, MemoryWorkspace):
        workspace.files["age.py"] = FIXED.encode()
    workspace.keep()
    steps = workspace.journal()
    assert [step.kind for step in steps] == ["start", "write", "keep"]
    assert steps[-1].data["tree"] == workspace.change().tree
    assert set(workspace.change().paths()) == {"age.py", "meanwhile.txt"}


def test_it_says_what_is_protected(workspace: Workspace) -> None:
    assert workspace.protects("conftest.py")
    assert not workspace.protects("age.py")


def test_a_command_that_fails_is_a_value(workspace: Workspace) -> None:
    completed = workspace.run(Command(("sh", "-c", "exit 3")))
    assert completed.exit_status == 3
    assert not workspace.change()


def test_each_step_is_in_the_journal_in_order(workspace: Workspace) -> None:
    workspace.write("a.txt", b"1")
    workspace.delete("a.txt")
    workspace.run(Command(("sh", "-c", "true")))
    workspace.note("idea", {"lines": [1, 2]}, progress="an idea")
    steps = workspace.journal()
    assert [step.kind for step in steps] == ["write", "delete", "run", "note:idea"]
    assert [step.number for step in steps] == sorted({step.number for step in steps})
    assert steps[0].data["path"] == "a.txt"
    assert steps[3].data["lines"] == [1, 2]


@pytest.mark.parametrize(
    "step",
    [
        lambda workspace: workspace.write("age.py", b"x"),
        lambda workspace: workspace.delete("age.py"),
        lambda workspace: workspace.run(Command(("true",))),
        lambda workspace: workspace.start(Command(("true",))),
        lambda workspace: workspace.test(),
        lambda workspace: workspace.note("a", {}),
        lambda workspace: workspace.fork().__enter__(),
        lambda workspace: workspace.check(),
    ],
    ids=["write", "delete", "run", "start", "test", "note", "fork", "check"],
)
def test_no_step_is_taken_without_budget_or_after_a_stop(hold: Hold, step: Callable[[Workspace], None]) -> None:
    hold.owner.expire()
    assert hold.workspace.remaining_s() == 0.0
    with pytest.raises(OutOfBudget):
        step(hold.workspace)
    hold.owner.now = 0.0
    hold.stop()
    with pytest.raises(Stopped):
        step(hold.workspace)
    assert not hold.workspace.journal()
    assert not hold.workspace.change()


def test_a_fork_begins_as_the_shadow_is_and_what_is_done_in_it_stays_there(workspace: Workspace) -> None:
    workspace.write("a.txt", b"1")
    with workspace.fork() as fork:
        assert fork.read("a.txt") == b"1"
        fork.write("a.txt", b"2")
        fork.run(Command(("sh", "-c", FIX)))
        assert (fork.read("age.py"), workspace.read("age.py")) == (FIXED.encode(), BUGGY.encode())
        workspace.write("b.txt", b"3")
        assert "b.txt" not in set(fork.paths())
        tree = fork.change().tree
    assert workspace.read("a.txt") == b"1"
    assert set(workspace.change().paths()) == {"a.txt", "b.txt"}
    workspace.restore(tree)
    assert (workspace.read("a.txt"), workspace.read("age.py")) == (b"2", FIXED.encode())
    assert "b.txt" not in set(workspace.paths())


def test_the_budget_counts_down(hold: Hold) -> None:
    assert hold.workspace.remaining_s() == BUDGET_S
    hold.owner.now += 10.0
    assert hold.workspace.remaining_s() == BUDGET_S - 10.0


def test_its_root_is_that_of_its_sandbox(workspace: Workspace) -> None:
    assert workspace.root == workspace.sandbox.root
    assert workspace.root.is_absolute()


def test_dollars_are_reserved_before_they_are_spent(workspace: Workspace) -> None:
    first = workspace.reserve(0.5)
    workspace.settle(first, 1000, 100, 0.25)
    assert workspace.reserve(0.0) != first
