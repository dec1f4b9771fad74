"""What a program asks, read and narrowed to what may leave: a chat with one model, nothing that a provider would fetch or keep.

Pure. What is not known is left out, and named; what would change its meaning by that is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agents.door.limits import DoorLimits
from agents.door.refused import Refused
from agents.models import Endpoint, Usage

_PASSED = frozenset(
    (
        *("model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "stop", "seed"),
        *("temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty"),
        *("tools", "tool_choice", "parallel_tool_calls", "response_format", "logprobs", "top_logprobs", "logit_bias"),
        *("n", "reasoning_effort", "verbosity", "chat_template_kwargs", "cache_prompt"),
    )
)
"""Parameters that shape a reply. Others may fetch, keep, or cost more than the price that is configured."""
_LEAST_CHARACTERS = 2
"""No tokenizer makes more tokens of a text than one of each so many characters, but for odd scripts."""
_DEEPEST = 100
"""Lists and objects within each other: what is much deeper could not be written down."""
_NAMED, _NAME_CHARACTERS = 20, 80
"""So many of the parameters that are left out are named, and cut to so many characters."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call to be made: the body that goes out, whether it streams, and the most tokens it may cost.

    `tells_usage` says that the program wants a stream to end with its usage; `left_out` and `put_in` name parameters.
    """

    body: Mapping[str, Any]
    streams: bool
    tells_usage: bool
    most: Usage
    left_out: tuple[str, ...] = ()
    put_in: tuple[str, ...] = ()


def read(data: bytes, endpoint: Endpoint, limits: DoorLimits) -> Asked:
    """Return the call that a body asks for. Raises `Refused`."""
    given = _document(data)
    _check_model(given.get("model"), endpoint)
    _check_messages(given.get("messages"), limits.messages)
    _check_tools(given.get("tools", []))
    if given.get("n", 1) != 1:
        raise Refused(400, "invalid_value", "n has to be 1: ask once for each reply")
    body = {name: value for name, value in given.items() if name in _PASSED} | {"model": endpoint.model}
    streams = given.get("stream") is True
    tells_usage = False
    put_in: list[str] = []
    if streams:
        options = given.get("stream_options")
        tells_usage = isinstance(options, dict) and options.get("include_usage") is True
        body["stream_options"] = {"include_usage": True}
        put_in += [] if tells_usage else ["stream_options"]
    else:
        body.pop("stream_options", None)
    reply_tokens = _reply_tokens(given, endpoint.context_tokens)
    if reply_tokens is None:
        # Only what is bounded can be reserved.
        body["max_tokens"] = reply_tokens = min(limits.reply_tokens, endpoint.context_tokens)
        put_in.append("max_tokens")
    most = Usage(len(data) // _LEAST_CHARACTERS, reply_tokens)
    return Asked(body, streams, tells_usage, most, _left_out(given), tuple(put_in))


def spared(asked: Asked, said: str) -> Asked | None:
    """Return the call without a parameter that was put in and that a server's words refuse, or with its newer name; None for no such."""
    for name in asked.put_in:
        if name in said:
            body = {key: value for key, value in asked.body.items() if key != name}
            if name == "max_tokens":
                body["max_completion_tokens"] = asked.body[name]
            return replace(asked, body=body, put_in=tuple(other for other in asked.put_in if other != name))
    return None


def _document(data: bytes) -> dict[str, Any]:
    try:
        given = json.loads(data)
        # What this takes can be sent on: numbers that JSON has, and no deeper than it can be written again.
        json.dumps(given, allow_nan=False)
    except (ValueError, RecursionError):
        raise Refused(400, "invalid_json", "the body is no JSON") from None
    if not isinstance(given, dict):
        raise Refused(400, "invalid_json", "the body is no JSON object")
    _check_depth(given)
    return given


def _check_depth(given: dict[str, Any]) -> None:
    level: list[Any] = [given]
    for _ in range(_DEEPEST):
        inner = (value for each in level for value in (each.values() if isinstance(each, dict) else each))
        level = [value for value in inner if isinstance(value, dict | list)]
        if not level:
            return
    raise Refused(400, "invalid_value", f"the body holds more than {_DEEPEST} lists and objects within each other")


def _left_out(given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of what is not known, as far as they are worth writing down."""
    names = sorted(given.keys() - _PASSED)
    more = [f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return (*(name[:_NAME_CHARACTERS] for name in names[:_NAMED]), *more)


def _check_model(model: object, endpoint: Endpoint) -> None:
    if model not in (endpoint.model, endpoint.name):
        raise Refused(
            404, "model_not_found", f"this door leads to the model {endpoint.model!r} alone, not to {model!r:.100}"
        )


def _check_messages(messages: object, most: int) -> None:
    if isinstance(messages, list) and len(messages) > most:
        raise Refused(400, "too_many_messages", f"a request has at most {most} messages, and this one {len(messages)}")
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise Refused(400, "invalid_value", "messages has to be a list of at least one object")
    for message in messages:
        content = message.get("content")
        for part in content if isinstance(content, list) else []:
            _check_part(part)


def _check_part(part: object) -> None:
    """Refuse what a provider would fetch for the program, or look up in its user's account."""
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in ("text", "refusal"):
        return
    if kind == "image_url":
        assert isinstance(part, dict)
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        if isinstance(url, str) and url.startswith("data:"):
            return
        raise Refused(400, "invalid_value", "an image has to come along as a data: URL; nobody fetches one")
    raise Refused(400, "invalid_value", f"content of the type {kind!r:.50} does not pass this door: text and images do")


def _check_tools(tools: object) -> None:
    if not isinstance(tools, list):
        raise Refused(400, "invalid_value", "tools has to be a list")
    for tool in tools:
        kind = tool.get("type") if isinstance(tool, dict) else None
        if kind != "function":
            raise Refused(
                400, "invalid_value", f"a tool of the type {kind!r:.50} would run at the provider: use functions"
            )


def _reply_tokens(given: Mapping[str, Any], context_tokens: int) -> int | None:
    """Return the most tokens that the program asks for."""
    bounds = [given[name] for name in ("max_tokens", "max_completion_tokens") if given.get(name) is not None]
    if any(not isinstance(bound, int) or isinstance(bound, bool) or bound < 1 for bound in bounds):
        raise Refused(400, "invalid_value", "max_tokens has to be a whole number above 0")
    if any(bound > context_tokens for bound in bounds):
        why = f"max_tokens has to be at most the {context_tokens} tokens of the model's context: ask for less, or have"
        raise Refused(400, "invalid_value", f"{why} `context_tokens` in nightcrew's config.toml say how many it has")
    return max(bounds, default=None)
