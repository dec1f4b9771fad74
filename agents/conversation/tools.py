"""The tools that a model is given: names, what they do, and the schema of their arguments."""

from __future__ import annotations

from collections.abc import Mapping

from agents.models import Tool

_TEXT: Mapping[str, object] = {"type": "string"}
_TEXTS: Mapping[str, object] = {"type": "array", "items": _TEXT}
_NUMBER: Mapping[str, object] = {"type": "integer"}


def _tool(name: str, description: str, required: Mapping[str, object], optional: Mapping[str, object] = {}) -> Tool:
    properties = {**required, **optional}
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    return Tool(name, description, schema)


def _text(description: str) -> Mapping[str, object]:
    return {**_TEXT, "description": description}


_PATH = _text("relative to the repository")
_AT = {"path": _PATH, "line": _NUMBER, "name": _text("a name that stands in this line")}

_EXPLAINED = {
    "title": _text("what the change does, in one line"),
    "explanation": _text("why it is right, in one paragraph"),
}
_READING = {"reading": _text("how it reads the ticket, in one line")}
_DONE = "Say that the work is done. It is checked: the tests are run."
GIVE_UP = _tool(
    "give_up", "Say that you cannot do it, and why.", {"why": _TEXT}, {"needs": _text("what would be needed")}
)
ASK = _tool(
    "ask",
    "Ask whoever filed the ticket what is meant; the answer comes back. Only where it changes what you would do, and nothing here tells.",
    {"question": _TEXT, "answers": {**_TEXTS, "description": "two to five likely answers, in words"}},
)
ALTERNATIVE = _tool(
    "alternative",
    "Keep the change as it is as one reading of the ticket, and go back to the files as they were before any change. It is checked as `done` checks.",
    {**_EXPLAINED, **_READING},
)
PLAN = _tool(
    "plan",
    "Give your plan; somebody approves it, or says what to change.",
    {"steps": {**_TEXTS, "description": "what is done where, one thing each"}},
    {
        "files": {**_TEXTS, "description": "files that change"},
        "tests": {**_TEXTS, "description": "tests that show it works"},
    },
)

TOOLS: tuple[Tool, ...] = (
    _tool("search", "Find the lines of the repository that match a regular expression (RE2's: no lookaround, no backreferences).", {"pattern": _TEXT}, {"path": _text("only below this folder, or in this file")}),
    _tool("locate", "Find the places that fit best what is wrong: an error, a traceback, or any words.", {"text": _TEXT}),
    _tool("read", "Show lines of a file, with their numbers.", {"path": _PATH}, {"first": _NUMBER, "last": _NUMBER}),
    _tool(
        "edit",
        "Replace lines of a file. What the edit breaks, as far as language servers see it, is told at once.",
        {"path": _PATH, "old": _text("the lines to replace, copied exactly, enough of them to be found once"), "new": _text("what stands there instead")},
    ),
    _tool("write", "Give a file new content, or create it.", {"path": _PATH, "content": _TEXT}),
    _tool("diagnostics", "Show what language servers and linters find in a file as it is.", {"path": _PATH}),
    _tool("definition", "Show where a name is defined.", _AT),
    _tool("references", "Show where a name is used.", _AT),
    _tool("run", "Run a shell command at the root of the repository, without network.", {"command": _TEXT}),
    _tool("test", "Run the tests: the whole suite, or those named.", {}, {"ids": {"type": "array", "items": _TEXT}}),
    _tool("done", _DONE, _EXPLAINED),
    GIVE_UP,
)  # fmt: skip
"""What a conversation's model may call."""

ASKING: tuple[Tool, ...] = (
    *(tool for tool in TOOLS if tool.name != "done"),
    _tool("done", _DONE, _EXPLAINED, _READING),
    ASK,
    ALTERNATIVE,
)  # fmt: skip
"""What it may call where somebody is there to answer."""
