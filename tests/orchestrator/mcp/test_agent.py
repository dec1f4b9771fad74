"""The agent whose steps are a client's calls: over a workspace in memory, in a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from agents import MemoryWorkspace, NoFix, Proposal, Result, Stopped, Task
from orchestrator.mcp import Answer, ClientAgent, Desk
from sandbox import Command, Completed, Ended
from verifier import Suite

TASK = Task("sums", Suite("command", ("true",)), ("t",))


def echo(workspace: MemoryWorkspace, command: Command) -> Completed:
    workspace.files["said"] = workspace.files.get("said", b"") + command.argv[-1].encode()
    return Completed(Ended.EXITED, 0, workspace.files["said"])


@contextmanager
def working(workspace: MemoryWorkspace, task: Task = TASK) -> Iterator[tuple[Desk, Future[Result]]]:
    """Let an agent work in a thread of its own; what is on its desk is done in order."""
    desk = Desk(lambda: None)
    with ThreadPoolExecutor(1) as threads:
        yield desk, threads.submit(ClientAgent(desk, "T").work, task, workspace)


def done(future: Future[Answer]) -> Answer:
    return future.result(60)


def test_calls_are_done_in_their_order_and_a_cancelled_one_not_at_all() -> None:
    with working(MemoryWorkspace({}, respond=echo)) as (desk, result):
        futures = [desk.hand_in("run", {"command": name}) for name in "1234"]
        cancelled = desk.hand_in("run", {"command": "never"})
        was = cancelled.cancel()
        last = desk.hand_in("run", {"command": "5"})
        assert done(last).data["stdout"] == ("12345" if was else "1234never5")
        assert [done(each).data["stdout"] for each in futures] == ["1", "12", "123", "1234"]
        desk.hand_in("abandon", {"why": "\x1b[31mred"})
        assert result.result(60) == NoFix("the client gave up: red")


def test_a_submit_ends_the_work_and_stays_in_hand_until_it_is_answered() -> None:
    with working(MemoryWorkspace({"a.txt": b"a\n"})) as (desk, result):
        nothing = done(desk.hand_in("submit", {"title": "t", "explanation": "e"}))
        assert nothing.refused
        assert "nothing is changed" in nothing.text
        done(desk.hand_in("edit", {"path": "a.txt", "content": "b\n"}))
        submitted = desk.hand_in("submit", {"title": "One line\nand more", "explanation": " because "})
        proposal = result.result(60)
    assert isinstance(proposal, Proposal)
    assert (proposal.title, proposal.explanation) == ("One line", "because")
    assert not submitted.done()
    desk.answer(Answer("the ladder has spoken"))
    assert done(submitted).text == "the ladder has spoken"


def test_what_was_submitted_before_is_there_again_once_the_ladder_refused_it() -> None:
    workspace = MemoryWorkspace({"a.txt": b"a\n"})
    workspace.write("a.txt", b"b\n")
    tree = workspace.change().tree
    workspace.write("a.txt", b"a\n")
    desk = Desk(lambda: None)
    agent = ClientAgent(desk, "T", tree)
    refused = Task("sums", TASK.suite, refused=("no",))
    with ThreadPoolExecutor(1) as threads:
        threads.submit(agent.work, refused, workspace)
        assert "+b" in done(desk.hand_in("diff", {})).text
        desk.hand_in("abandon", {"why": "enough"})


def test_a_stop_is_noticed_while_the_client_thinks() -> None:
    workspace = MemoryWorkspace({})
    with working(workspace) as (_, result):
        workspace.stopped = True
        with pytest.raises(Stopped):
            result.result(60)
