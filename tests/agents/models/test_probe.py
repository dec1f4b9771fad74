"""The self-test: which style of tool call a model can hold; and tools in text for models that print their calls."""

from __future__ import annotations

import json

import pytest

from agents.models import (
    Message,
    ModelError,
    Reply,
    Request,
    Role,
    ScriptedModel,
    TextToolModel,
    Token,
    Tool,
    ToolCall,
    ToolStyle,
    Trouble,
    goes_on,
    probe,
)

TOOL = Tool("read_file", "Read.", {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]})
NATIVE = ToolCall("x", "read_file", '{"path": "notes/colour.txt"}')


def holding(style: ToolStyle) -> ScriptedModel:
    """Return a model that calls in one style, where it is told how, and goes on from what the tool says."""
    written = json.dumps({"name": "read_file", "arguments": {"path": "notes/colour.txt"}})
    shapes = {
        ToolStyle.HERMES: ("<tool_call>", f"<tool_call>\n{written}\n</tool_call>"),
        ToolStyle.FENCED: ("```json", f"```json\n{written}\n```"),
        ToolStyle.MISTRAL: ("[TOOL_CALLS]", f"[TOOL_CALLS] [{written}]"),
    }

    def answer(request: Request) -> Reply:
        if "vermilion" in request.messages[-1].text:
            return Reply("It is vermilion.")
        if style is ToolStyle.NATIVE:
            return Reply("", (NATIVE,)) if request.tools else Reply("I have no tools.")
        mark, call = shapes[style]
        return Reply(call if mark in request.messages[0].text else "I would read the file.")

    return ScriptedModel([answer] * 20)


@pytest.mark.parametrize("style", [ToolStyle.NATIVE, ToolStyle.HERMES, ToolStyle.FENCED, ToolStyle.MISTRAL])
def test_the_style_that_a_model_holds_is_found(style: ToolStyle) -> None:
    model = holding(style)
    probed = probe(model, deadline_s=5)
    assert probed.style is style, probed.trials
    assert probed.trials[-1].holds
    fitted = probed.fitted(model)
    reply = fitted.complete(Request((Message(Role.USER, "Read it."),), (TOOL,)), deadline_s=5)
    assert json.loads(reply.calls[0].arguments) == {"path": "notes/colour.txt"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("I cannot read files.", "called no tool"),
        (Reply("", (ToolCall("x", "read_file", "{oops"),)), "no JSON object"),
        (Reply("", (ToolCall("x", "open", "{}"),)), "there is no tool 'open'"),
        (Reply("", (ToolCall("x", "read_file", '{"path": "a"}'),)), "asked for 'a'"),
        (Reply("", (NATIVE,)), "did not go on"),
        (ModelError(Trouble.REPETITION, "it repeats"), "it repeats"),
    ],
)
def test_a_model_that_holds_none_is_told_apart_with_why(line: str | Reply | ModelError, why: str) -> None:
    probed = probe(ScriptedModel([line] * 20), deadline_s=5)
    assert probed.style is ToolStyle.NONE
    assert len(probed.trials) == 4
    assert why in probed.trials[0].why


def test_trouble_that_no_style_would_mend_is_raised() -> None:
    with pytest.raises(ModelError, match="LLM_API_KEY"):
        probe(ScriptedModel([ModelError(Trouble.WRONG_KEY, "the key is wrong")]), deadline_s=5)


@pytest.mark.parametrize("style", [ToolStyle.HERMES, ToolStyle.FENCED, ToolStyle.MISTRAL])
def test_a_conversation_in_text_has_the_same_records_as_one_with_native_calls(style: ToolStyle) -> None:
    inner = holding(style)
    model = TextToolModel(inner, style)
    messages = (Message(Role.SYSTEM, "Work."), Message(Role.USER, "Read."))
    first = model.complete(Request(messages, (TOOL,)), deadline_s=5)
    assert first.calls[0].id == "call_0"
    said = (Message(Role.ASSISTANT, first.text, first.calls), Message(Role.TOOL, "blue", answers="call_0"))
    second = model.complete(Request((*messages, *said), (TOOL,)), deadline_s=5)
    assert second.calls[0].id == "call_1"
    asked = inner.asked[-1]
    assert not asked.tools
    assert [each.role for each in asked.messages] == [Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER]
    assert "notes/colour.txt" in asked.messages[2].text
    assert asked.messages[3].text == "The tool says:\nblue"
    assert asked.messages[0].text.startswith("Work.\n\nThese are your tools")


@pytest.mark.parametrize("style", [ToolStyle.HERMES, ToolStyle.FENCED, ToolStyle.MISTRAL])
def test_the_example_of_a_call_is_none_when_a_model_copies_it(style: ToolStyle) -> None:
    told = ScriptedModel([lambda request: Reply(request.messages[0].text)])
    reply = TextToolModel(told, style).complete(Request((Message(Role.USER, "Read."),), (TOOL,)), deadline_s=5)
    assert not reply.calls


def test_a_style_that_is_none_of_text_is_refused() -> None:
    with pytest.raises(ValueError, match="hermes"):
        TextToolModel(ScriptedModel([]), ToolStyle.NATIVE)


def test_a_model_that_goes_on_and_tells_alternatives_is_known() -> None:
    token = Token(" five", ((" five", 0.9), (" six", 0.1)))
    model = ScriptedModel([Reply(" five", tokens=(token,))])
    assert goes_on(model, deadline_s=5)
    assert model.asked[0].messages[-1].role is Role.ASSISTANT
    assert model.asked[0].alternatives


@pytest.mark.parametrize(
    "line",
    [
        "five, six",
        Reply("One", tokens=(Token("One", (("One", 0.9), ("one", 0.1))),)),
        Reply(" five", tokens=(Token(" five", ()),)),
        ModelError(Trouble.REFUSED, "unknown argument"),
    ],
)
def test_one_that_does_not_is_known_too(line: str | Reply | ModelError) -> None:
    assert not goes_on(ScriptedModel([line]), deadline_s=5)


def test_trouble_of_the_address_is_raised_then_too() -> None:
    with pytest.raises(ModelError):
        goes_on(ScriptedModel([ModelError(Trouble.UNREACHABLE, "gone")]), deadline_s=5)
