"""Tool calls printed as text, and their arguments: what is one, what is none, and what to tell the model."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.models import Refused, Tool, ToolCall, ToolStyle, arguments_of, printed

READ = Tool(
    "read",
    "Read lines.",
    {
        "type": "object",
        "properties": {"path": {"type": "string"}, "first": {"type": "integer"}, "whole": {"type": "boolean"}},
        "required": ["path"],
    },
)


@pytest.mark.parametrize(
    ("text", "kept", "arguments"),
    [
        (
            'I look.\n<tool_call>\n{"name": "read", "arguments": {"path": "a"}}\n</tool_call>',
            "I look.",
            '{"path": "a"}',
        ),
        ('<tool_call>{"name": "read", "arguments": {"path": "a"}}', "", '{"path": "a"}'),
        (
            "<tool_call>\n{'name': 'read', 'arguments': {'path': 'a', 'whole': True}}\n</tool_call>",
            "",
            '{"path": "a", "whole": true}',
        ),
        ('<tool_call>```json\n{"name": "read", "arguments": {"path": "a"}}\n```</tool_call>', "", '{"path": "a"}'),
        ('So:\n```json\n{"name": "read", "arguments": {"path": "a"}}\n```\nDone.', "So:\n\nDone.", '{"path": "a"}'),
        ('```json\n{"name": "read", "arguments": {"path": "a"}}', "", '{"path": "a"}'),
        ('{"name": "read", "parameters": {"path": "a"}}', "", '{"path": "a"}'),
        ('{"type": "function", "function": {"name": "read", "arguments": "{\\"path\\": 1}"}}', "", '{"path": 1}'),
        ('Well [TOOL_CALLS] [{"name": "read", "arguments": {"path": "a"}}]', "Well", '{"path": "a"}'),
        ('[TOOL_CALLS]read[ARGS]{"path": "a"}', "", '{"path": "a"}'),
        ('[TOOL_CALLS]read{"path": "a"}', "", '{"path": "a"}'),
        ('<tool_call>{"name": "read", "arguments": {"path": "a\nb"}}</tool_call>', "", '{"path": "a\\nb"}'),
    ],
)
def test_a_printed_call_is_found_and_taken_out(text: str, kept: str, arguments: str) -> None:
    found = printed(text, ["read"])
    assert found.calls == (ToolCall("call_0", "read", arguments),)
    assert (found.text, found.wrong) == (kept, ())


def test_several_calls_are_found_in_order() -> None:
    one = '<tool_call>{"name": "read", "arguments": {}}</tool_call>'
    assert [call.id for call in printed(one * 3).calls] == ["call_0", "call_1", "call_2"]


@pytest.mark.parametrize(
    "text",
    [
        "No call here.",
        '```json\n{"name": "left-pad", "version": "1.0"}\n```',
        '```python\nprint("read")\n```',
        '{"name": "other", "arguments": {}}',
        "```\nread(a)\n```",
        "[" * 5000,
    ],
)
def test_what_only_looks_like_a_call_stays_text(text: str) -> None:
    found = printed(text, ["read"])
    assert (found.text, found.calls) == (text, ())


@pytest.mark.parametrize(
    "text", ["<tool_call>read the file</tool_call>", "[TOOL_CALLS] read it", '<tool_call>{"name": 3}']
)
def test_a_call_that_cannot_be_read_is_told(text: str) -> None:
    found = printed(text, ["read"])
    assert not found.calls
    assert found.wrong


def test_a_style_given_finds_no_other() -> None:
    text = '<tool_call>{"name": "read", "arguments": {}}</tool_call>'
    assert not printed(text, ["read"], ToolStyle.MISTRAL).calls
    assert printed(text, ["read"], ToolStyle.HERMES).calls


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.sampled_from('<>/tool_call{}[]"name:arguments, `\njson\\TOOL_CALLS'), max_size=200))
def test_no_text_makes_the_parser_fail(text: str) -> None:
    printed(text, ["name"])


def test_arguments_are_read() -> None:
    assert arguments_of(ToolCall("1", "read", '{"path": "a", "first": 3}'), (READ,)) == {"path": "a", "first": 3}


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("rid", "{}", "there is no tool 'rid'; there are: read"),
        ("read", '{"path": ', "no JSON object"),
        ("read", '["a"]', "no JSON object"),
        ("read", "", "lacks the argument 'path'; it takes: path, first, whole"),
        ("read", '{"path": "a", "lines": 3}', "has no argument 'lines'"),
        ("read", '{"path": 3}', "must be of type string; it is 3"),
        ("read", '{"path": "a", "first": true}', "must be of type integer"),
    ],
)
def test_a_call_that_cannot_be_carried_out_says_what_to_do(name: str, arguments: str, why: str) -> None:
    given = arguments_of(ToolCall("1", name, arguments), (READ,))
    assert isinstance(given, Refused)
    assert why in given.why
