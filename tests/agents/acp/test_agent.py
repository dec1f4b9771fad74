"""The agent of the Agent Client Protocol over a workspace in memory, with an agent that a test plays."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from agents import MemoryWorkspace, NoFix, OutOfBudget, Proposal, Step, Stopped
from agents.acp import AcpAgent, Settings
from tests.agents.acp.puppet import QUICK, TASK, TEXT_OF_FIX, Puppet, silent, staged, work


def noted(workspace: MemoryWorkspace, kind: str) -> Step:
    return next(step for step in workspace.journal() if step.kind == f"note:{kind}")


def fixing(puppet: Puppet) -> None:
    puppet.open()
    number, _ = puppet.prompted()
    puppet.write()
    puppet.speak("The sign ")
    puppet.speak("was wrong.\x1b[31m")
    puppet.end(number)


def test_a_fix_is_made_checked_and_explained() -> None:
    workspace = staged(fixing)
    result = work(workspace)
    assert isinstance(result, Proposal)
    assert (result.title, result.explanation) == ("add subtracts", "The sign was wrong.")
    assert workspace.files["sums.py"].decode() == TEXT_OF_FIX
    assert "puppet 3 is ready" in workspace.progress


def test_it_is_introduced_and_told_what_to_do() -> None:
    told: list[str] = []

    def play(puppet: Puppet) -> None:
        hello = puppet.answer({"protocolVersion": 1})["params"]
        assert hello["protocolVersion"] == 1
        assert hello["clientCapabilities"]["fs"] == {"readTextFile": True, "writeTextFile": True}
        assert hello["clientCapabilities"]["terminal"] is True
        assert puppet.answer({"sessionId": "s"})["params"] == {"cwd": "/repository", "mcpServers": []}
        number, text = puppet.prompted()
        told.append(text)
        puppet.write()
        puppet.end(number)

    assert isinstance(work(staged(play)), Proposal)
    assert "add subtracts" in told[0].partition('from="ticket"')[2]
    assert "test_sums.py::test_add" in told[0].partition('from="failing tests"')[2]
    assert "test_sums.py" in told[0].partition('from="files that may not be changed"')[2]
    assert "1 tests pass, 1 fail." in told[0]


def test_it_is_told_what_the_ladder_said_of_an_earlier_proposal() -> None:
    told: list[str] = []

    def play(puppet: Puppet) -> None:
        puppet.open()
        number, text = puppet.prompted()
        told.append(text)
        puppet.write()
        puppet.end(number)

    task = replace(TASK, refused=("suite: test_zero fails",))
    assert isinstance(AcpAgent("agent").work(task, staged(play)), Proposal)
    assert "test_zero fails" in told[0].partition('from="refused proposal 1"')[2]


def test_what_is_called_done_is_checked_and_it_is_told_what_is_wrong() -> None:
    told: list[str] = []

    def play(puppet: Puppet) -> None:
        puppet.open()
        for text in (None, TEXT_OF_FIX.replace("a + b", "a * b"), TEXT_OF_FIX):
            number, said = puppet.prompted()
            told.append(said)
            if text is not None:
                puppet.write(text)
            puppet.end(number)

    assert isinstance(work(staged(play)), Proposal)
    assert "Nothing is changed." in told[1]
    assert "The tests that must pass do not: 0 tests pass, 1 fail." in told[2]


def test_an_agent_that_changes_nothing_is_sent_back_once_and_then_left() -> None:
    prompts = itertools.count()

    def play(puppet: Puppet) -> None:
        puppet.open()
        while True:
            number, _ = puppet.prompted()
            next(prompts)
            puppet.speak("I see no bug.")
            puppet.end(number)

    result = work(staged(play))
    assert isinstance(result, NoFix)
    assert result.why == "The agent ended its turn, and it is not done: Nothing is changed. It said: I see no bug."
    assert result.needs
    assert next(prompts) == 2


def test_turns_are_bounded_and_what_was_changed_is_proposed_with_what_is_wrong() -> None:
    def play(puppet: Puppet) -> None:
        puppet.open()
        for wrong in itertools.count():
            number, _ = puppet.prompted()
            puppet.write(TEXT_OF_FIX.replace("a + b", f"a * b * {wrong + 7}"))
            puppet.end(number)

    result = work(staged(play), Settings(turns=3))
    assert isinstance(result, Proposal)
    assert "The agent ended its turn, and it is not done: The tests that must pass do not" in result.explanation
    assert "\n\n" not in result.explanation


@pytest.mark.parametrize(
    ("stop", "says"),
    [("refusal", "The agent refused to go on"), ("cancelled", "The agent gave its turn up")],
)
def test_an_agent_that_refuses_is_not_asked_again(stop: str, says: str) -> None:
    def play(puppet: Puppet) -> None:
        puppet.open()
        puppet.end(puppet.prompted()[0], stop)
        assert not puppet.hear()

    result = work(staged(play))
    assert isinstance(result, NoFix)
    assert says in result.why


def test_what_an_agent_did_before_it_failed_is_proposed() -> None:
    def play(puppet: Puppet) -> None:
        puppet.open()
        puppet.prompted()
        puppet.write()
        puppet.speak("Half way")

    result = work(staged(play))
    assert isinstance(result, Proposal)
    assert result.explanation.startswith("Half way\n(The agent could not go on: it ended; its process: exited")


def test_a_life_after_a_crash_is_told_what_is_changed_already() -> None:
    told: list[str] = []

    def first(puppet: Puppet) -> None:
        puppet.open()
        puppet.prompted()
        puppet.write(TEXT_OF_FIX + "# not yet\n")
        silent(puppet)

    def second(puppet: Puppet) -> None:
        puppet.answer({"protocolVersion": 1})
        assert puppet.answer({"sessionId": "t"})["method"] == "session/new"
        number, text = puppet.prompted()
        told.append(text)
        puppet.write()
        puppet.end(number)

    before = staged(first)
    assert isinstance(work(before, QUICK), Proposal)
    journal = [step for step in before.journal() if step.kind != "note:acp_ended"]
    after = staged(second, journal=journal)
    after.files = dict(before.files)
    assert isinstance(work(after), Proposal)
    assert "sums.py" in told[0].partition('from="files that are changed already"')[2]
    assert "1 tests pass, 1 fail." in told[0], "what the tests said before any change"


def test_a_session_is_loaded_where_the_agent_can_and_opened_anew_where_it_forgot() -> None:
    def first(puppet: Puppet) -> None:
        puppet.open()
        puppet.prompted()

    def loading(puppet: Puppet) -> None:
        puppet.answer({"protocolVersion": 1, "agentCapabilities": {"loadSession": True}})
        asked = puppet.hear()
        assert (asked["method"], asked["params"]["sessionId"]) == ("session/load", "s")
        puppet.speak("said long ago")
        puppet.send({"id": asked["id"], "result": {}})
        number, _ = puppet.prompted()
        puppet.write()
        puppet.end(number)

    def forgetful(puppet: Puppet) -> None:
        puppet.answer({"protocolVersion": 1, "agentCapabilities": {"loadSession": True}})
        puppet.refuse(-32002, "no such session")
        assert puppet.answer({"sessionId": "new"})["method"] == "session/new"
        number, _ = puppet.prompted()
        puppet.write()
        puppet.end(number)

    before = staged(first)
    work(before)
    journal = [step for step in before.journal() if step.kind != "note:acp_ended"]
    for play in (loading, forgetful):
        result = work(staged(play, journal=journal))
        assert isinstance(result, Proposal)
        assert result.explanation == "The agent said nothing about its change."


def test_a_life_after_the_end_does_not_start_the_agent_again() -> None:
    first = staged(fixing)
    result = work(first)

    def never(puppet: Puppet) -> None:
        raise AssertionError(f"started again: {puppet.hear()}")

    second = staged(never, journal=first.journal())
    second.files = dict(first.files)
    again = work(second)
    assert isinstance(result, Proposal)
    assert isinstance(again, Proposal)
    assert (again.title, again.explanation, again.change.tree) == (
        result.title,
        result.explanation,
        result.change.tree,
    )


def test_a_stop_cancels_the_turn_and_ends_the_agent() -> None:
    heard: list[str] = []

    def play(puppet: Puppet) -> None:
        puppet.open()
        number, _ = puppet.prompted()
        workspace.stopped = True
        heard.append(puppet.hear()["method"])
        puppet.end(number, "cancelled")
        assert not puppet.hear()

    workspace = staged(play)
    with pytest.raises(Stopped):
        work(workspace)
    assert heard == ["session/cancel"]


def test_a_budget_that_is_spent_in_a_turn_goes_through() -> None:
    now = [0.0]

    def play(puppet: Puppet) -> None:
        puppet.open()
        puppet.prompted()
        now[0] = 1e6
        assert puppet.hear()["method"] == "session/cancel"

    with pytest.raises(OutOfBudget):
        work(staged(play, clock=lambda: now[0]))


def test_what_it_tells_is_journaled_bounded_and_safe() -> None:
    def play(puppet: Puppet) -> None:
        puppet.open()
        number, _ = puppet.prompted()
        plan = [{"content": "look\x1b]0;x\x07 around", "priority": "high", "status": "in_progress"}]
        puppet.tell({"sessionUpdate": "plan", "entries": plan})
        puppet.tell({"sessionUpdate": "tool_call", "toolCallId": "1", "title": "read\nsums.py " + "x" * 300})
        puppet.tell({"sessionUpdate": "tool_call_update", "toolCallId": "1", "status": "completed"})
        puppet.tell({"sessionUpdate": "agent_thought_chunk", "content": {"type": "text", "text": "hm"}})
        puppet.tell({"sessionUpdate": "something_new", "whatever": 1})
        puppet.send({"method": "_of_its_own", "params": {}})
        puppet.speak("y" * 50_000)
        puppet.write()
        puppet.end(number)

    workspace = staged(play)
    result = work(workspace)
    assert isinstance(result, Proposal)
    assert len(result.explanation) == 2000
    turn = noted(workspace, "acp_turn").data
    assert (turn["thought"], turn["tools"], turn["stop"]) == ("hm", 1, "end_turn")
    assert len(str(turn["said"])) == 20_000
    assert noted(workspace, "acp_plan").data["plan"] == "in_progress: look around"
    assert "plan: look around" in workspace.progress
    shown = next(line for line in workspace.progress if line.startswith("read"))
    assert shown.startswith("read sums.py xxx") and len(shown) == 120
