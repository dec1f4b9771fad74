"""Requests and replies as JSON values, for the journal. A message is written once: a long conversation grows by what is new in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.agent import Step
from agents.models.model import Finish, Message, Reply, Request, Role, Token, Tool, ToolCall, Usage

_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request as it was journaled: the model's name, the request, and its digest."""

    model: str
    request: Request
    digest: str


def digest(model: str, request: Request) -> str:
    """Return what tells requests apart: a hash of the model's name and of all that it is asked."""
    return _hash([model, [_message(each) for each in request.messages], *_rest(request).values()])


def request_data(model: str, request: Request, known: set[str]) -> dict[str, object]:
    """Return a request as JSON values; messages whose hash is in `known` are named only, and the others are added to it."""
    messages = [_message(each) for each in request.messages]
    hashes = [_hash(message) for message in messages]
    new = {key: message for key, message in zip(hashes, messages, strict=True) if key not in known}
    known.update(new)
    return {"model": model, "request": digest(model, request), "messages": hashes, "new": new, **_rest(request)}


def read_requests(steps: Sequence[Step]) -> tuple[list[Recorded], set[str], list[str]]:
    """Return the requests of a journal, the hashes of their messages, and why some could not be read."""
    known: dict[str, Message] = {}
    requests, unread = [], []
    for step in steps:
        try:
            known |= {key: _read_message(value) for key, value in _mapping(step.data["new"]).items()}
            messages = tuple(known[str(key)] for key in _list(step.data["messages"]))
            requests.append(
                Recorded(str(step.data["model"]), _read_request(step.data, messages), str(step.data["request"]))
            )
        except (KeyError, TypeError, ValueError) as error:
            unread.append(f"step {step.number} holds no request of this version: {error}")
    return requests, set(known), unread


def reply_data(reply: Reply) -> dict[str, object]:
    """Return a reply as JSON values."""
    usage = reply.usage
    return {
        "text": reply.text,
        "calls": [_call(call) for call in reply.calls],
        "usage": [usage.tokens_in, usage.tokens_out, usage.tokens_cached, usage.told],
        "finish": str(reply.finish),
        "thinking": reply.thinking,
        **({"tokens": [[token.text, *token.likeliest] for token in reply.tokens]} if reply.tokens else {}),
    }


def read_reply(data: Mapping[str, object]) -> Reply:
    """Return what `reply_data` was made of. Raises `KeyError`, `TypeError` or `ValueError` where it is otherwise."""
    tokens_in, tokens_out, cached, told = _list(data["usage"])
    usage = Usage(_integer(tokens_in), _integer(tokens_out), _integer(cached), told is True)
    calls = tuple(_read_call(call) for call in _list(data["calls"]))
    tokens = tuple(_read_token(token) for token in _list(data.get("tokens", ())))
    return Reply(_text(data["text"]), calls, usage, Finish(_text(data["finish"])), _text(data["thinking"]), tokens)


def _rest(request: Request) -> dict[str, object]:
    """Return all of a request but its messages."""
    return {
        "tools": [[tool.name, tool.description, dict(tool.parameters)] for tool in request.tools],
        "temperature": None if request.temperature is None else float(request.temperature),
        "max_tokens": request.max_tokens,
        "stop": list(request.stop),
        "seed": request.seed,
        # Told only where they are wanted: requests that earlier versions journaled keep their digest.
        **({"alternatives": request.alternatives} if request.alternatives else {}),
    }


def _read_request(data: Mapping[str, object], messages: tuple[Message, ...]) -> Request:
    tools = tuple(
        Tool(_text(name), _text(description), _mapping(parameters))
        for name, description, parameters in map(_list, _list(data["tools"]))
    )
    temperature, max_tokens, seed = data["temperature"], data["max_tokens"], data["seed"]
    return Request(
        messages,
        tools,
        None if temperature is None else float(str(temperature)),
        None if max_tokens is None else _integer(max_tokens),
        tuple(_text(each) for each in _list(data["stop"])),
        None if seed is None else _integer(seed),
        _integer(data.get("alternatives", 0)),
    )


def _message(message: Message) -> list[object]:
    return [str(message.role), message.text, [_call(call) for call in message.calls], message.answers]


def _read_message(value: object) -> Message:
    role, text, calls, answers = _list(value)
    return Message(Role(_text(role)), _text(text), tuple(_read_call(call) for call in _list(calls)), _text(answers))


def _read_token(value: object) -> Token:
    text, *likeliest = _list(value)
    pairs = (_list(each) for each in likeliest)
    return Token(_text(text), tuple((_text(other), float(str(p))) for other, p in pairs))


def _call(call: ToolCall) -> list[object]:
    return [call.id, call.name, call.arguments]


def _read_call(value: object) -> ToolCall:
    id_, name, arguments = _list(value)
    return ToolCall(_text(id_), _text(name), _text(arguments))


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.80} is no text")
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r:.80} is no whole number")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r:.80} is no list")
    return list(value)


def _mapping(value: object) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r:.80} is no object")
    return {str(key): each for key, each in value.items()}
