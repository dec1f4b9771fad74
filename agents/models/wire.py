"""The OpenAI chat format: a request as the body of a call, and the chunks of a stream as a reply. Nothing here talks to anybody."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from agents.models.model import Finish, Message, Reply, Request, Role, Token, Tool, ToolCall, Usage

_CHARACTERS_A_TOKEN = 4
"""What is assumed where a server counts nothing."""

_FINISHES = {
    "tool_calls": Finish.TOOLS,
    "function_call": Finish.TOOLS,
    "length": Finish.LENGTH,
    "content_filter": Finish.FILTER,
}


def body(model: str, request: Request, *, predicts: bool = False) -> dict[str, Any]:
    """Return the body of a streamed call; with `predicts` the server is told what the reply is likely to be."""
    given: dict[str, Any] = {
        "model": model,
        "messages": [_message(each) for each in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.tools:
        given["tools"] = [_tool(each) for each in request.tools]
    if request.stop:
        given["stop"] = list(request.stop)
    for name in ("temperature", "max_tokens", "seed"):
        if (value := getattr(request, name)) is not None:
            given[name] = value
    if request.alternatives:
        given |= {"logprobs": True, "top_logprobs": request.alternatives}
    if predicts and request.prediction:
        given["prediction"] = {"type": "content", "content": request.prediction}
    if request.messages and request.messages[-1].role is Role.ASSISTANT:
        # vLLM wants both, llama.cpp's server sends the beginning back without them; elsewhere they are unknown.
        given["extra_body"] = {"add_generation_prompt": False, "continue_final_message": True}
    return given


def _message(message: Message) -> dict[str, Any]:
    given: dict[str, Any] = {"role": str(message.role), "content": message.text}
    if message.calls:
        given["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.calls
        ]
    if message.answers:
        given["tool_call_id"] = message.answers
    return given


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)},
    }


class Assembly:
    """A reply in the making. What a server sends is believed in nothing: a field of the wrong type counts as absent."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls: list[dict[str, str]] = []
        self._tokens: list[Token] = []
        self._places: dict[int, int] = {}
        self._usage: Usage | None = None
        self._finish: Finish | None = None
        self.understood = False

    @property
    def ended(self) -> bool:
        """Say whether the server said why the reply ended."""
        return self._finish is not None

    @property
    def begun(self) -> bool:
        """Say whether any of the reply has come."""
        return bool(self._text or self._thinking or self._calls)

    def take(self, chunk: object) -> tuple[str, str]:
        """Take in one chunk; return what it adds to the answer's text, and to anything at all."""
        self._take_usage(_field(chunk, "usage"))
        choices = _field(chunk, "choices")
        if not isinstance(choices, list):
            return "", ""
        self.understood = True
        if not choices:
            return "", ""
        delta = _field(choices[0], "delta")
        text = _string(_field(delta, "content"))
        thinking = _string(_field(delta, "reasoning_content")) or _string(_field(delta, "reasoning"))
        calls = _field(delta, "tool_calls")
        arguments = "".join(self._take_call(call) for call in calls) if isinstance(calls, list) else ""
        if text:
            self._text.append(text)
        if thinking:
            self._thinking.append(thinking)
        if self._request.alternatives:
            self._take_tokens(_field(_field(choices[0], "logprobs"), "content"))
        if finish := _string(_field(choices[0], "finish_reason")):
            self._finish = _FINISHES.get(finish, Finish.STOP)
        return text, text + thinking + arguments

    def reply(self) -> Reply:
        """Return what has come by now."""
        text, thinking = "".join(self._text), "".join(self._thinking)
        calls = tuple(
            ToolCall(call["id"] or f"call_{number}", call["name"], call["arguments"])
            for number, call in enumerate(self._calls)
        )
        finish = self._finish or Finish.STOP
        if calls and finish is Finish.STOP:
            finish = Finish.TOOLS
        usage = self._usage or self._estimate(text + thinking)
        return Reply(text, calls, usage, finish, thinking, tuple(self._tokens))

    def _take_tokens(self, tokens: object) -> None:
        for token in tokens if isinstance(tokens, list) else ():
            found = _field(token, "top_logprobs")
            pairs = [
                (_string(_field(each, "token")), _probability(_field(each, "logprob")))
                for each in (found if isinstance(found, list) else ())
            ]
            likeliest = tuple((text, p) for text, p in pairs if text and p > 0.0)
            self._tokens.append(Token(_string(_field(token, "token")), likeliest))

    def _take_call(self, piece: object) -> str:
        index, id_ = _field(piece, "index"), _string(_field(piece, "id"))
        function = _field(piece, "function")
        arguments = _field(function, "arguments")
        if isinstance(arguments, Mapping):
            arguments = json.dumps(dict(arguments))
        if not isinstance(index, int):
            # Servers that send each call whole leave the index out.
            index = len(self._calls) if id_ or not self._calls else len(self._calls) - 1
        if index not in self._places:
            self._places[index] = len(self._calls)
            self._calls.append({"id": "", "name": "", "arguments": ""})
        call = self._calls[self._places[index]]
        call["id"] = call["id"] or id_
        call["name"] = call["name"] or _string(_field(function, "name"))
        call["arguments"] += _string(arguments)
        return _string(arguments)

    def _take_usage(self, usage: object) -> None:
        tokens_in, tokens_out = _count(_field(usage, "prompt_tokens")), _count(_field(usage, "completion_tokens"))
        if tokens_in is not None and tokens_out is not None:
            cached = _count(_field(_field(usage, "prompt_tokens_details"), "cached_tokens"))
            self._usage = Usage(tokens_in, tokens_out, min(cached or 0, tokens_in))

    def _estimate(self, said: str) -> Usage:
        asked = sum(len(message.text) for message in self._request.messages)
        calls = sum(len(call["arguments"]) for call in self._calls)
        return Usage(asked // _CHARACTERS_A_TOKEN, (len(said) + calls) // _CHARACTERS_A_TOKEN, 0, told=False)


def _field(value: object, name: str) -> object:
    """Return a field of what the client library made of a JSON object, or of the object itself."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _probability(logarithm: object) -> float:
    if not isinstance(logarithm, int | float) or not logarithm <= 0.0:
        return 0.0
    return round(math.exp(logarithm), 4)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
