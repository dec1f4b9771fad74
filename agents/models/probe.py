"""The self-tests of a model: which style of tool call it can hold, by having it call a tool and go on from what that says; and whether it goes on from a reply's beginning."""

from __future__ import annotations

from dataclasses import dataclass

from agents.models.arguments import Refused, arguments_of
from agents.models.calls import ToolStyle
from agents.models.errors import ModelError, Trouble
from agents.models.model import Message, Model, Reply, Request, Role, Tool, Watch, unwatched
from agents.models.text_tools import TextToolModel

_TOOL = Tool(
    "read_file",
    "Return the text of a file.",
    {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
)
_PATH, _SECRET = "notes/colour.txt", "vermilion"
_QUESTION = f"Which colour is named in the file {_PATH}? Read it with the tool, then answer with the colour."
_SYSTEM = "You work on files. You know nothing about a file before you read it."
_LAST = frozenset(
    {
        Trouble.NO_ADDRESS,
        Trouble.NO_LIBRARY,
        Trouble.WRONG_KEY,
        Trouble.UNKNOWN_MODEL,
        Trouble.UNREACHABLE,
        Trouble.DEADLINE,
    }
)
"""Trouble that no other style of call would mend."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One style that was tried, whether the model holds it, and what it did."""

    style: ToolStyle
    holds: bool
    why: str


@dataclass(frozen=True, slots=True)
class Probed:
    """The style a model holds (`NONE`: it cannot hold a conversation with tools), and what was tried, in order."""

    style: ToolStyle
    trials: tuple[Trial, ...]

    def fitted(self, model: Model) -> Model:
        """Return the model with its tools in the style it holds."""
        return model if self.style in (ToolStyle.NATIVE, ToolStyle.NONE) else TextToolModel(model, self.style)


def probe(model: Model, *, deadline_s: float, watch: Watch = unwatched) -> Probed:
    """Try the styles in order, two requests each, until the model holds one; `deadline_s` is for each request.

    Raises `ModelError` where no style is to blame: no address, a wrong key, no time.
    """
    trials: list[Trial] = []
    for style in (ToolStyle.NATIVE, ToolStyle.HERMES, ToolStyle.FENCED, ToolStyle.MISTRAL):
        tried = model if style is ToolStyle.NATIVE else TextToolModel(model, style)
        trials.append(_try(tried, style, deadline_s, watch))
        if trials[-1].holds:
            return Probed(style, tuple(trials))
    return Probed(ToolStyle.NONE, tuple(trials))


def goes_on(model: Model, *, deadline_s: float, watch: Watch = unwatched) -> bool:
    """Say whether a model goes on from the beginning of a reply and tells its tokens' alternatives. Raises `ModelError` as `probe` does."""
    messages = (
        Message(Role.USER, "Count from one to nine, in words."),
        Message(Role.ASSISTANT, "one, two, three, four,"),
    )
    try:
        reply = model.complete(
            Request(messages, temperature=0.0, max_tokens=4, seed=0, alternatives=2), deadline_s=deadline_s, watch=watch
        )
    except ModelError as error:
        if error.trouble in _LAST:
            raise
        return False
    written = "".join(token.text for token in reply.tokens).strip().lower()
    return written.startswith("five") and any(len(token.likeliest) > 1 for token in reply.tokens)


def _try(model: Model, style: ToolStyle, deadline_s: float, watch: Watch) -> Trial:
    messages = (Message(Role.SYSTEM, _SYSTEM), Message(Role.USER, _QUESTION))
    try:
        first = model.complete(_request(messages), deadline_s=deadline_s, watch=watch)
        if why := _wrong(first):
            return Trial(style, False, why)
        call = first.calls[0]
        said = (
            Message(Role.ASSISTANT, first.text, first.calls[:1]),
            Message(Role.TOOL, f"The colour is {_SECRET}.\n", answers=call.id),
        )
        second = model.complete(_request(messages + said), deadline_s=deadline_s, watch=watch)
    except ModelError as error:
        if error.trouble in _LAST:
            raise
        return Trial(style, False, error.why)
    if _SECRET in second.text.lower() and not second.calls:
        return Trial(style, True, f"called {call.name} and went on from what it said")
    return Trial(style, False, f"did not go on from what the tool said: {_shown(second)}")


def _request(messages: tuple[Message, ...]) -> Request:
    return Request(messages, (_TOOL,), temperature=0.0, max_tokens=200, seed=0)


def _wrong(reply: Reply) -> str:
    """Return why the first reply is no call as it was asked for; "" where it is one."""
    if not reply.calls:
        return f"called no tool: {_shown(reply)}"
    given = arguments_of(reply.calls[0], (_TOOL,))
    if isinstance(given, Refused):
        return given.why
    return "" if given["path"] == _PATH else f"asked for {given['path']!r:.80}, not for {_PATH!r}"


def _shown(reply: Reply) -> str:
    if reply.calls:
        return f"it called {reply.calls[0].name}({reply.calls[0].arguments[:100]})"
    return f"it said {reply.text.strip()[:150]!r}"
