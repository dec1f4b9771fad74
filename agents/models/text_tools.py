"""Tools for models that print their calls: described in the first message, called and answered in text, the same records outside."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from agents.models.calls import ToolStyle, printed
from agents.models.model import Finish, Message, Model, Reply, Request, Role, Tool, ToolCall, Watch, unwatched

_HOW = {
    ToolStyle.HERMES: "To use a tool, end your answer with one block like this, and nothing after it:\n<tool_call>\n%s\n</tool_call>",
    ToolStyle.FENCED: "To use a tool, end your answer with one block like this, and nothing after it:\n```json\n%s\n```",
    ToolStyle.MISTRAL: "To use a tool, end your answer with one line like this, and nothing after it:\n[TOOL_CALLS] [%s]",
}
_EXAMPLE = '{"name": <the name of a tool>, "arguments": {<its arguments>}}'
"""No JSON: a small model that had an example copied it, and it would have been a call."""
_ENOUGH = "Once you know what you were asked, answer in plain words, without such a block."


@dataclass(frozen=True, slots=True)
class TextToolModel:
    """Gives tools to a model whose server has none for it. `style` is `HERMES`, `FENCED` or `MISTRAL`."""

    model: Model
    style: ToolStyle

    def __post_init__(self) -> None:
        if self.style not in _HOW:
            raise ValueError(f"style {self.style!r} is no style of text; take one of {', '.join(_HOW)}")

    @property
    def name(self) -> str:
        """Return the name of the model that answers."""
        return self.model.name

    @property
    def context_tokens(self) -> int:
        """Return how many tokens a request and its reply may have together."""
        return self.model.context_tokens

    def complete(self, request: Request, *, deadline_s: float, watch: Watch = unwatched) -> Reply:
        """Ask with the tools in words, and read the calls out of the answer."""
        if not request.tools:
            return self.model.complete(_as_text(request, self.style), deadline_s=deadline_s, watch=watch)
        told = self.model.complete(_described(request, self.style), deadline_s=deadline_s, watch=watch)
        if told.calls:
            return told
        found = printed(told.text, [tool.name for tool in request.tools], self.style)
        if not found.calls:
            return told
        finish = told.finish if told.cut else Finish.TOOLS
        return replace(told, text=found.text, calls=_numbered(found.calls, request.messages), finish=finish)


def description(tools: Collection[Tool], style: ToolStyle) -> str:
    """Return what a model is told about its tools."""
    lines = [
        json.dumps({"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)})
        for tool in tools
    ]
    how = _HOW[style] % _EXAMPLE
    return "\n".join(
        ["These are your tools, one a line, with the JSON schema of their arguments:", *lines, how, _ENOUGH]
    )


def _described(request: Request, style: ToolStyle) -> Request:
    plain = _as_text(request, style)
    told = description(request.tools, style)
    first, *rest = plain.messages or (Message(Role.SYSTEM, ""),)
    if first.role is not Role.SYSTEM:
        first, rest = Message(Role.SYSTEM, ""), [first, *rest]
    system = Message(Role.SYSTEM, f"{first.text}\n\n{told}".strip())
    return replace(plain, messages=(system, *rest), tools=())


def _as_text(request: Request, style: ToolStyle) -> Request:
    """Return a request whose earlier calls and answers are text."""
    return replace(request, messages=tuple(_told(each, style) for each in request.messages))


def _told(message: Message, style: ToolStyle) -> Message:
    if message.role is Role.TOOL:
        return Message(Role.USER, f"The tool says:\n{message.text}")
    if not message.calls:
        return message
    return Message(
        message.role, "\n".join(filter(None, [message.text, *(_call(each, style) for each in message.calls)]))
    )


def _call(call: ToolCall, style: ToolStyle) -> str:
    try:
        arguments: object = json.loads(call.arguments or "{}")
    except ValueError:
        arguments = call.arguments
    written = json.dumps({"name": call.name, "arguments": arguments})
    return _HOW[style].partition("\n")[2] % written


def _numbered(calls: Sequence[ToolCall], messages: Sequence[Message]) -> tuple[ToolCall, ...]:
    """Give each call an id that no earlier call of the conversation has, the same whenever it is asked again."""
    before = sum(len(message.calls) for message in messages)
    return tuple(replace(call, id=f"call_{before + number}") for number, call in enumerate(calls))
