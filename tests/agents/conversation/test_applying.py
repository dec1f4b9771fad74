"""Edits that have no sure place: a small model writes the file as it was meant, and is believed as little as any edit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from agents import (
    Finish,
    MemoryWorkspace,
    ModelError,
    NoFix,
    Priced,
    Proposal,
    Reply,
    Request,
    ScriptedModel,
    Trouble,
    Usage,
)
from agents.conversation import ConversationAgent
from agents.models import Endpoint, HttpModel
from agents.models.scripted import Line
from tests.agents.conversation.test_agent import DONE, FILES, PROBE, TASK, call, last, say, words
from tests.orchestrator.pool.standins import fronting, standins

SKETCH = call("edit", path="sums.py", old="    the difference is returned", new="    return a + b")
FIXED = FILES["sums.py"].decode().replace("a - b", "a + b")
WRITTEN = Reply(f"~~~~~~~~python\n{FIXED}~~~~~~~~\n", usage=Usage(100, 50))
GIVE_UP = call("give_up", why="no place for it")


def work(applier: Sequence[Line], *script: Reply) -> tuple[object, MemoryWorkspace, ScriptedModel, ScriptedModel]:
    workspace = MemoryWorkspace(FILES, say=say, protected=TASK.protected)
    model, small = ScriptedModel((*PROBE, *script)), ScriptedModel(applier, name="small")
    agent = ConversationAgent(model, count=words, applier=Priced(small, lambda usage: usage.tokens_in / 100))
    return agent.work(TASK, workspace), workspace, model, small


def test_what_was_meant_is_written_shown_and_paid_for() -> None:
    result, workspace, model, small = work([WRITTEN], SKETCH, DONE)
    assert isinstance(result, Proposal) and workspace.files["sums.py"] == FIXED.encode()
    (asked,) = small.asked
    assert (
        FILES["sums.py"].decode() in asked.messages[1].text and "the difference is returned" in asked.messages[1].text
    )
    told = last(model)
    assert "look whether that is what you meant" in told and "-    return a - b\n+    return a + b" in told
    assert sum(workspace.spent_usd) == 1.0


def test_a_life_after_a_crash_asks_it_nothing_again() -> None:
    _, workspace, model, _ = work([WRITTEN], SKETCH, GIVE_UP)
    assert "look whether" in last(model)
    steps = workspace.journal()
    replied = next(at for at, step in enumerate(steps) if step.kind == "note:tool_planned")
    again = MemoryWorkspace(FILES, say=say, protected=TASK.protected, journal=steps[:replied])
    model, small = ScriptedModel([GIVE_UP]), ScriptedModel([], name="small")
    result = ConversationAgent(model, count=words, applier=Priced(small)).work(TASK, again)
    assert isinstance(result, NoFix) and not small.asked and "look whether" in last(model)
    assert again.files["sums.py"] == FIXED.encode()


def strayed(request: Request) -> Reply:
    del request
    more = "".join(f"def f{number}():\n    pass\n" for number in range(10))
    return Reply(f"~~~~~~~~\n{FIXED}{more}~~~~~~~~\n")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply("I would rather not."), id="words"),
        pytest.param(Reply(f"~~~~~~~~\n{FIXED}"), id="no end"),
        pytest.param(Reply(WRITTEN.text, finish=Finish.LENGTH), id="cut"),
        pytest.param(Reply(WRITTEN.text.replace("def add", "def add(")), id="no Python"),
        pytest.param(Reply(f"~~~~~~~~\n{FIXED.replace('sums', '')[:10]}\n~~~~~~~~\n"), id="all but a line lost"),
        pytest.param(Reply(WRITTEN.text.replace("a + b", "a - b")), id="nothing changed"),
        pytest.param(strayed, id="more than was meant"),
        pytest.param(ModelError(Trouble.UNREACHABLE, "it is down"), id="down"),
    ],
)
def test_what_it_does_not_do_rightly_is_refused_as_without_it(reply: Line) -> None:
    result, workspace, model, small = work([reply], SKETCH, GIVE_UP)
    assert isinstance(result, NoFix) and len(small.asked) == 1
    assert workspace.files["sums.py"] == FILES["sums.py"]
    assert "Nothing of this reply was applied" in last(model)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(
            call("edit", path="sums.py", old="    return a - b", new="    return a +"), id="that breaks the file"
        ),
        pytest.param(call("edit", path="test_sums.py", old="nothing like it", new="x = 1"), id="of a protected file"),
        pytest.param(call("edit", path="none.py", old="nothing like it", new="x = 1"), id="of no file"),
        pytest.param(call("write", path="sums.py", content="def add(a, b:"), id="of a whole file"),
    ],
)
def test_it_is_asked_about_places_alone(edit: Reply) -> None:
    _, workspace, _, small = work([WRITTEN], edit, GIVE_UP)
    assert not small.asked and workspace.files["sums.py"] == FILES["sums.py"]


def test_marks_that_a_prompt_does_not_show_as_they_are_are_not_lost() -> None:
    marked = {**FILES, "sums.py": FILES["sums.py"] + b'MARK = "<|im_end|>"\n'}
    workspace = MemoryWorkspace(marked, say=say)
    small = ScriptedModel([WRITTEN], name="small")
    ConversationAgent(ScriptedModel((*PROBE, SKETCH, GIVE_UP)), count=words, applier=Priced(small)).work(
        TASK, workspace
    )
    assert not small.asked and workspace.files == marked


def as_scripted(reply: Reply) -> dict[str, object]:
    """Return a reply as a stand-in is told to give it."""
    if not reply.calls:
        return {"content": reply.text}
    functions = [{"name": each.name, "arguments": each.arguments} for each in reply.calls]
    return {"tool_calls": [{"id": f"c{at}", "type": "function", "function": each} for at, each in enumerate(functions)]}


def test_the_engine_of_a_pool_is_told_the_file_that_is_written_again_and_nothing_of_the_kind_elsewhere(
    tmp_path: Path,
) -> None:
    with standins(1) as (engine,), fronting(tmp_path, [engine]) as front:
        engine.say(*(as_scripted(each) for each in (*PROBE, SKETCH, WRITTEN, DONE)))
        own, small = (HttpModel(Endpoint(name, front.url, "edit", pool=True)) for name in ("own", "small"))
        workspace = MemoryWorkspace(FILES, say=say, protected=TASK.protected)
        result = ConversationAgent(own, count=words, applier=Priced(small)).work(TASK, workspace)
        seen = engine.seen
    assert isinstance(result, Proposal) and workspace.files["sums.py"] == FIXED.encode()
    predicted = [each for each in seen if "prediction" in each or "vllm_xargs" in each]
    (asked,) = [each for each in seen if "You apply one edit" in json.dumps(each["messages"])]
    assert predicted == [asked] and len(seen) > 1
    text = f"~~~~~~~~\n{FILES['sums.py'].decode()}~~~~~~~~"
    assert asked["prediction"] == {"type": "content", "content": text} and asked["vllm_xargs"] == {"original": text}
