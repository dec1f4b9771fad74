"""The arguments of a tool call, held against the tool's schema; what cannot be carried out is a value that says what to tell the model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from agents.models.calls import value
from agents.models.model import Tool, ToolCall


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that cannot be carried out, and what to tell the model."""

    why: str


_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def arguments_of(call: ToolCall, tools: Collection[Tool]) -> Mapping[str, object] | Refused:
    """Return the arguments of a call, held against its tool's schema one level deep; else what to tell the model."""
    tool = next((each for each in tools if each.name == call.name), None)
    if tool is None:
        return Refused(f"there is no tool {call.name!r}; there are: {', '.join(each.name for each in tools)}")
    given = value(call.arguments) if call.arguments.strip() else {}
    if not isinstance(given, dict):
        return Refused(f"the arguments of {call.name} are no JSON object: {call.arguments[:200]!r}; write them again")
    properties = tool.parameters.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    required = tool.parameters.get("required")
    missing = [name for name in required if name not in given] if isinstance(required, list | tuple) else []
    if missing:
        return Refused(f"{call.name} lacks the argument {missing[0]!r}; it takes: {', '.join(known)}")
    for name, each in given.items():
        if known and name not in known:
            return Refused(f"{call.name} has no argument {name!r}; it takes: {', '.join(known)}")
        kind = known[name].get("type") if isinstance(known.get(name), Mapping) else None
        wanted = _KINDS.get(kind) if isinstance(kind, str) else None
        if wanted is not None and (not isinstance(each, wanted) or (isinstance(each, bool) and bool not in wanted)):
            return Refused(f"the argument {name!r} of {call.name} must be of type {kind}; it is {each!r:.80}")
    return given
