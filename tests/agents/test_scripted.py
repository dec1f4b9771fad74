"""The scripted agent: plays its script in order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents import Ask, Delete, MemoryWorkspace, NoFix, Proposal, Question, ScriptedAgent, Stopped, Task, Write
from sandbox import Command
from verifier import Suite

TASK = Task("t", Suite("pytest"))


def test_it_proposes_what_its_script_changed() -> None:
    workspace = MemoryWorkspace({"a": b"1", "b": b"2"})
    result = ScriptedAgent([Write("a", b"3"), Delete("b"), Command(("make",))]).work(TASK, workspace)
    assert isinstance(result, Proposal)
    assert [(file.path, file.kind) for file in result.change.files] == [("a", "modified"), ("b", "deleted")]
    assert [step.kind for step in workspace.journal()] == ["write", "delete", "run"]


def test_a_no_fix_ends_it_there() -> None:
    workspace = MemoryWorkspace({})
    assert ScriptedAgent([NoFix("tired", "sleep"), Write("a", b"")]).work(TASK, workspace) == NoFix("tired", "sleep")
    assert not workspace.journal()


def test_an_exception_is_raised() -> None:
    with pytest.raises(Stopped, match="by hand"):
        ScriptedAgent([Stopped("by hand")]).work(TASK, MemoryWorkspace({}))


def test_an_empty_script_changes_nothing() -> None:
    assert isinstance(ScriptedAgent([]).work(TASK, MemoryWorkspace({})), NoFix)


def test_it_asks_where_somebody_answers_and_takes_the_first_option_where_nobody_does() -> None:
    workspace = MemoryWorkspace({"a": b"1"})
    agent = ScriptedAgent([Ask("two or three?", (Write("a", b"2"), Write("a", b"3")))])
    asked = agent.work(replace(TASK, ask=True), workspace)
    assert isinstance(asked, Question)
    assert [option.proposal.change.after("a") for option in asked.options] == [b"2", b"3"]
    assert workspace.files == {"a": b"1"}
    answered = agent.work(TASK, workspace)
    assert isinstance(answered, Proposal)
    assert workspace.files == {"a": b"2"}
