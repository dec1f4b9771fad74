"""The journaled model: all is written down before it is acted on, and nothing is asked twice, whatever dies."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from agents import MemoryWorkspace, Step, Stopped
from agents.models import (
    Endpoint,
    Finish,
    HttpModel,
    JournaledModel,
    Key,
    Message,
    ModelError,
    Replaying,
    Reply,
    Request,
    Role,
    ScriptedModel,
    Token,
    Tool,
    ToolCall,
    Trouble,
    Usage,
    recall,
)
from tests.agents.models.server import refuses, says, serving

CALL = ToolCall("c", "read", '{"path": "a"}')
RICH = Reply(
    "text", (CALL,), Usage(10, 4, 2), Finish.TOOLS, "thought", (Token("text", (("text", 0.75), ("word", 0.25))),)
)
TOOL = Tool("read", "Read.", {"type": "object"})


def ask(*texts: str, seed: int | None = None) -> Request:
    return Request(tuple(Message(Role.USER, text) for text in texts), (TOOL,), 0.2, 100, ("END",), seed)


def life(workspace: MemoryWorkspace) -> MemoryWorkspace:
    """Return the workspace of the next life: what survives is the journal, as JSON."""
    kept = [(step.number, step.kind, json.loads(json.dumps(dict(step.data)))) for step in workspace.journal()]
    return MemoryWorkspace({}, journal=[Step(*each) for each in kept])


def test_the_request_is_journaled_before_it_is_sent_and_the_reply_before_it_is_given() -> None:
    workspace = MemoryWorkspace({})
    seen: list[list[str]] = []

    def answer(_: Request) -> Reply:
        seen.append([step.kind for step in workspace.journal()])
        return RICH

    assert JournaledModel(ScriptedModel([answer]), workspace).complete(ask("a"), deadline_s=1) == RICH
    assert seen == [["note:model_asked"]]
    assert [step.kind for step in workspace.journal()] == ["note:model_asked", "note:model_replied"]


def test_a_life_after_a_crash_asks_nothing_again() -> None:
    first = MemoryWorkspace({})
    model = JournaledModel(ScriptedModel([RICH, "two"]), first)
    told = [model.complete(request, deadline_s=1) for request in (ask("a"), ask("a", "b"))]
    scripted = ScriptedModel(["three"])
    again = JournaledModel(scripted, life(first))
    assert [again.complete(request, deadline_s=1) for request in (ask("a"), ask("a", "b"))] == told
    assert (again.reused, scripted.asked) == (2, [])
    assert again.complete(ask("a", "b", "c"), deadline_s=1).text == "three"


def test_what_a_reply_is_likely_to_be_is_not_journaled_and_tells_no_requests_apart() -> None:
    first = MemoryWorkspace({})
    JournaledModel(ScriptedModel(["one"]), first).complete(ask("a"), deadline_s=1)
    predicted = replace(ask("a"), prediction="a file")
    again = JournaledModel(ScriptedModel([]), life(first))
    assert again.complete(predicted, deadline_s=1).text == "one"
    other = MemoryWorkspace({})
    JournaledModel(ScriptedModel(["one"]), other).complete(predicted, deadline_s=1)
    assert [step.data for step in other.journal()] == [step.data for step in first.journal()]


def test_a_request_whose_reply_was_not_journaled_is_asked_again() -> None:
    workspace = MemoryWorkspace({})

    def dies(_: Request) -> Reply:
        raise Stopped("killed")

    with pytest.raises(Stopped):
        JournaledModel(ScriptedModel([dies]), workspace).complete(ask("a"), deadline_s=1)
    again = JournaledModel(ScriptedModel(["now"]), life(workspace))
    assert again.complete(ask("a"), deadline_s=1).text == "now"


def test_samples_of_one_prompt_come_back_each_as_it_was() -> None:
    workspace = MemoryWorkspace({})
    model = JournaledModel(ScriptedModel(["one", "two", "other"]), workspace)
    for request in (ask("a"), ask("a"), ask("a", seed=1)):
        model.complete(request, deadline_s=1)
    again = JournaledModel(ScriptedModel([]), life(workspace))
    assert again.complete(ask("a", seed=1), deadline_s=1).text == "other"
    assert [again.complete(ask("a"), deadline_s=1).text for _ in range(2)] == ["one", "two"]


def test_another_models_reply_is_not_given_back() -> None:
    workspace = MemoryWorkspace({})
    JournaledModel(ScriptedModel(["small"], name="small"), workspace).complete(ask("a"), deadline_s=1)
    again = JournaledModel(ScriptedModel(["large"], name="large"), life(workspace))
    assert again.complete(ask("a"), deadline_s=1).text == "large"


def test_a_failure_is_journaled_with_what_had_come_and_is_not_repeated_to_the_next_life() -> None:
    workspace = MemoryWorkspace({})
    error = ModelError(Trouble.REPETITION, "again and again", partial=Reply("half"))
    with pytest.raises(ModelError):
        JournaledModel(ScriptedModel([error]), workspace).complete(ask("a"), deadline_s=1)
    failed = workspace.journal()[-1]
    assert (failed.kind, failed.data["trouble"]) == ("note:model_failed", "endless repetition")
    assert JournaledModel(ScriptedModel(["well"]), life(workspace)).complete(ask("a"), deadline_s=1).text == "well"


def test_a_message_is_written_down_once() -> None:
    workspace = MemoryWorkspace({})
    long = "x" * 10_000
    model = JournaledModel(ScriptedModel(["one", "two", "three"]), workspace)
    for turn in range(3):
        model.complete(ask(long, *map(str, range(turn))), deadline_s=1)
    assert len(json.dumps([dict(step.data) for step in workspace.journal()])) < 2 * len(long)
    requests = recall(life(workspace).journal()).requests
    assert [each.request for each in requests] == [ask(long), ask(long, "0"), ask(long, "0", "1")]


def test_notes_of_another_version_are_ignored_and_told() -> None:
    steps = [
        Step(1, "note:model_asked", {"messages": 3}),
        Step(2, "note:model_replied", {"request": "x", "text": 3}),
        Step(3, "note:model_replied", {"request": "x", "usage": [1, 2, 3, True], "calls": [], "text": 3}),
    ]
    assert len(recall(steps).unread) == 3
    assert not recall(steps).replies


def test_a_recording_is_replayed_without_a_model() -> None:
    workspace = MemoryWorkspace({})
    model = JournaledModel(ScriptedModel([RICH]), workspace)
    model.complete(ask("a"), deadline_s=1)
    recording = recall(life(workspace).journal())
    replayed = Replaying(recording, "scripted", 1000)
    assert replayed.complete(recording.requests[0].request, deadline_s=1) == RICH
    with pytest.raises(ModelError, match="1 requests were recorded, and all are used up"):
        replayed.complete(ask("a"), deadline_s=1)
    with pytest.raises(ModelError, match="1 requests were recorded, and all are used up"):
        replayed.complete(ask("b"), deadline_s=1)


def test_no_key_enters_the_journal_even_where_the_server_sends_it_back() -> None:
    key = "sk-journal-123456"
    workspace = MemoryWorkspace({})
    with serving(says(f"hello {key}"), refuses(400, f"bad {key}")) as server:
        model = JournaledModel(HttpModel(Endpoint("local", server.url, "tiny", Key(key))), workspace)
        model.complete(ask("a"), deadline_s=60)
        with pytest.raises(ModelError):
            model.complete(ask("b"), deadline_s=60)
    journal = repr(workspace.journal())
    assert "hello [key]" in journal
    assert key not in journal
