"""The command agent: what its command is given, and what comes of how it ends."""

from __future__ import annotations

import pytest

from agents import CommandAgent, MemoryWorkspace, NoFix, OutOfBudget, Proposal, Stopped, Task
from sandbox import Command, Completed, Ended
from verifier import Suite

TASK = Task(
    "# Sum is wrong\n\nadd(1, 2) gives 4", Suite("pytest"), ("tests/test_a.py::test_add", "tests/test_a.py::test_b")
)
FILES = {"a.py": b"x = 1\n"}


def ends(status: int, stdout: bytes = b"", stderr: bytes = b"", *, writes: bytes | None = None) -> MemoryWorkspace:
    """Return a workspace in which every command ends like this, perhaps after a write."""

    def respond(workspace: MemoryWorkspace, command: Command) -> Completed:
        del command
        if writes is not None:
            workspace.files["a.py"] = writes
        return Completed(Ended.EXITED, status, stdout, stderr)

    return MemoryWorkspace(FILES, respond=respond)


def test_the_command_gets_the_ticket_and_the_failing_tests() -> None:
    seen: list[Command] = []
    given: list[bytes] = []

    def respond(workspace: MemoryWorkspace, command: Command) -> Completed:
        seen.append(command)
        assert command.environment["NIGHTCREW_TICKET"] == "/run/nightcrew/ticket.txt"
        given.append(workspace.sandbox.files["ticket.txt"])
        return Completed(Ended.EXITED, 0)

    CommandAgent("fix it | tee log").work(TASK, MemoryWorkspace(FILES, respond=respond))
    assert seen[0].argv == ("sh", "-c", "fix it | tee log")
    assert seen[0].cwd == "."
    assert seen[0].stdin == given[0] == TASK.text.encode()
    assert seen[0].environment["NIGHTCREW_FAILING"].split("\n") == list(TASK.failing)


def test_arguments_go_without_a_shell() -> None:
    seen: list[Command] = []

    def respond(workspace: MemoryWorkspace, command: Command) -> Completed:
        del workspace
        seen.append(command)
        return Completed(Ended.EXITED, 0)

    agent = CommandAgent(("fix", "it; rm -rf ."))
    agent.work(TASK, MemoryWorkspace(FILES, respond=respond))
    assert seen[0].argv == ("fix", "it; rm -rf .")
    assert agent.name == "command:fix 'it; rm -rf .'"


def test_a_change_is_proposed_with_what_the_command_said() -> None:
    result = CommandAgent("x").work(TASK, ends(0, b"I swapped the operands.\n", writes=b"x = 2\n"))
    assert isinstance(result, Proposal)
    assert list(result.change.paths()) == ["a.py"]
    assert (result.title, result.explanation) == ("Sum is wrong", "I swapped the operands.")


def test_a_change_counts_though_the_command_failed_and_it_is_said() -> None:
    result = CommandAgent("x").work(TASK, ends(3, b"half done", writes=b"x = 2\n"))
    assert isinstance(result, Proposal)
    assert result.explanation == "half done\n(The command exited with status 3.)"


def test_a_failed_command_without_a_change_is_no_fix_with_its_last_words() -> None:
    result = CommandAgent("x").work(TASK, ends(127, stderr=b"sh: 1: claude: not found\n"))
    assert isinstance(result, NoFix)
    assert "status 127" in result.why
    assert "claude: not found" in result.why


def test_a_command_that_succeeds_without_a_change_is_no_fix() -> None:
    result = CommandAgent("true").work(TASK, ends(0))
    assert isinstance(result, NoFix)
    assert result.why == "The command changed nothing; it exited with status 0. It said nothing."
    assert result.needs


def test_a_program_that_does_not_exist_is_no_fix() -> None:
    result = CommandAgent(("nope",)).work(TASK, MemoryWorkspace(FILES))
    assert isinstance(result, NoFix)
    assert "not started" in result.why


def test_terminal_escapes_never_reach_the_explanation() -> None:
    hostile = b"\x1b[31mred\x1b[0m \x1b]0;title\x07 \xe2\x80\xaebidi \xff\x00 end"
    result = CommandAgent("x").work(TASK, ends(0, hostile, writes=b"x = 2\n"))
    assert isinstance(result, Proposal)
    assert result.explanation == "red  bidi \ufffd end"


def test_a_life_after_a_crash_does_not_run_the_command_again() -> None:
    first = ends(0, b"done", writes=b"x = 2\n")
    CommandAgent("x").work(TASK, first)

    def respond(workspace: MemoryWorkspace, command: Command) -> Completed:
        raise AssertionError(f"{command.argv} ran again in {workspace.root}")

    second = MemoryWorkspace(FILES, respond=respond, journal=first.journal())
    second.files.update(first.files)
    result = CommandAgent("x").work(TASK, second)
    assert isinstance(result, Proposal)
    assert result.explanation == "done"


def test_a_spent_budget_and_a_stop_are_the_workspaces_to_raise() -> None:
    with pytest.raises(OutOfBudget):
        CommandAgent("x").work(TASK, MemoryWorkspace(FILES, budget_s=0.0))
    stopped = MemoryWorkspace(FILES)
    stopped.stopped = True
    with pytest.raises(Stopped):
        CommandAgent("x").work(TASK, stopped)
