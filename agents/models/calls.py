"""Tool calls that models print as text: found, taken out, and told apart from what only looks like one."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agents.models.model import ToolCall

_LONGEST = 1_000_000
# A raw line break in a text is a small slip of small models.
_DECODER = json.JSONDecoder(strict=False)


class ToolStyle(StrEnum):
    """How a model uses tools: by the server's own calls, by text of one kind, or not at all."""

    NATIVE = "native"
    HERMES = "hermes"
    FENCED = "fenced"
    MISTRAL = "mistral"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Printed:
    """A text without the calls in it, the calls, and what began like a call and could not be read (`wrong`, with why)."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    calls: tuple[ToolCall, ...] = ()
    wrong: str = ""


_HERMES = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|(?=<tool_call>)|\Z)", re.DOTALL)
_FENCE = re.compile(
    r"^[ \t]*```(?:json|tool_call|tool)?[ \t]*\n(.*?)\n?[ \t]*(?:```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE
)
_MISTRAL = re.compile(r"\[TOOL_CALLS\]\s*(?:([\w.-]+)\s*(?:\[ARGS\])?\s*(?=\{))?")


def printed(text: str, names: Collection[str] = (), style: ToolStyle | None = None) -> Printed:
    """Return the calls that a text holds, in the style given or in the first that holds any.

    A fenced block is a call only where it names one of `names`: other JSON in a fence is what it is.
    """
    if len(text) > _LONGEST:
        return Printed(text, wrong=(f"a reply of {len(text)} characters is not searched for tool calls",))
    for each, find in _FINDERS.items():
        if style in (None, each):
            found = [one for one in find(text) if each is not ToolStyle.FENCED or _all_named(one.calls, names)]
            if found:
                return _cut(text, found)
    return Printed(text)


def _all_named(calls: Sequence[ToolCall], names: Collection[str]) -> bool:
    return bool(calls) and all(call.name in names for call in calls)


def _cut(text: str, found: list[_Found]) -> Printed:
    kept, place = [], 0
    for each in found:
        kept.append(text[place : each.start])
        place = each.end
    kept.append(text[place:])
    calls = [call for each in found for call in each.calls]
    numbered = tuple(ToolCall(f"call_{number}", call.name, call.arguments) for number, call in enumerate(calls))
    return Printed("".join(kept).strip(), numbered, tuple(each.wrong for each in found if each.wrong))


def _hermes(text: str) -> Iterator[_Found]:
    for match in _HERMES.finditer(text):
        inside = match[1].removeprefix("```json").removeprefix("```").removesuffix("```")
        calls = _calls(value(inside))
        wrong = "" if calls else f"between <tool_call> and </tool_call> stands no call: {inside[:200]!r}"
        yield _Found(match.start(), match.end(), calls, wrong)


def _fenced(text: str) -> Iterator[_Found]:
    for match in _FENCE.finditer(text):
        yield _Found(match.start(), match.end(), _calls(value(match[1])))
    whole = text.strip()
    if whole.startswith(("{", "[")):
        yield _Found(0, len(text), _calls(value(whole)))


def _mistral(text: str) -> Iterator[_Found]:
    place = 0
    while match := _MISTRAL.search(text, place):
        try:
            given, place = _DECODER.raw_decode(text, match.end())
        except ValueError:
            place = len(text)
            yield _Found(
                match.start(), place, wrong=f"after [TOOL_CALLS] stands no JSON: {text[match.end() :][:200]!r}"
            )
            return
        calls = _calls({"name": match[1], "arguments": given} if match[1] else given)
        yield _Found(
            match.start(), place, calls, "" if calls else f"after [TOOL_CALLS] stands no call: {str(given)[:200]}"
        )


_FINDERS: Mapping[ToolStyle, Callable[[str], Iterator[_Found]]] = {
    ToolStyle.HERMES: _hermes,
    ToolStyle.MISTRAL: _mistral,
    ToolStyle.FENCED: _fenced,
}


def _calls(given: object) -> tuple[ToolCall, ...]:
    """Return the call, or calls, that a JSON value is; none where it is something else."""
    values = given if isinstance(given, list) else [given]
    calls = []
    for each in values:
        inner = each.get("function") if isinstance(each, dict) and isinstance(each.get("function"), dict) else each
        if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
            return ()
        arguments = inner.get("arguments", inner.get("parameters", {}))
        if not isinstance(arguments, str | dict):
            return ()
        calls.append(ToolCall("", inner["name"], arguments if isinstance(arguments, str) else json.dumps(arguments)))
    return tuple(calls)


def value(text: str) -> object:
    """Return the value of JSON, of JSON with line breaks in its texts, or of a Python literal; None where it is none of them."""
    try:
        return _DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
