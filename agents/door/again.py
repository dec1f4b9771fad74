"""Replies of an earlier life, given again: a program that is started anew after a crash asks the model nothing twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from agents.agent import Step
from agents.models import Finish, Reply
from agents.models.record import read_reply

ASKED, REPLIED = "door_asked", "door_replied"
WHOLE = "answered"
_FINISHES = {Finish.TOOLS: "tool_calls", Finish.LENGTH: "length", Finish.FILTER: "content_filter"}


class Again:
    """Gives the n-th equal call the n-th whole reply that a journal holds; `messages` are the hashes of those written down."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.messages: set[str] = set()
        self._replies: dict[str, deque[Reply]] = {}
        keys: dict[object, str] = {}
        for step in steps:
            if step.kind == f"note:{ASKED}":
                keys[step.data.get("call")] = str(step.data.get("request"))
                new = step.data.get("new")
                self.messages |= set(new) if isinstance(new, Mapping) else set()
            elif step.kind == f"note:{REPLIED}" and step.data.get("ended") == WHOLE:
                key, reply = keys.get(step.data.get("call")), step.data.get("reply")
                if key is not None and isinstance(reply, Mapping):
                    # What another version wrote down otherwise is asked again.
                    with suppress(KeyError, TypeError, ValueError):
                        self._replies.setdefault(key, deque()).append(read_reply(reply))

    def take(self, key: str) -> Reply | None:
        """Return the next reply to a call of that digest, None where there is no more."""
        waiting = self._replies.get(key)
        return waiting.popleft() if waiting else None


def document(reply: Reply, model: str) -> dict[str, Any]:
    """Return a reply as a server sends it whole."""
    choice = {"index": 0, "message": _message(reply), "finish_reason": _FINISHES.get(reply.finish, "stop")}
    return {**_head("chat.completion", model), "choices": [choice], "usage": _usage(reply)}


def chunks(reply: Reply, model: str, tells_usage: bool) -> Iterable[dict[str, Any]]:
    """Yield a reply as a server streams it, in one piece."""
    head, message = _head("chat.completion.chunk", model), _message(reply)
    calls = [{"index": index, **call} for index, call in enumerate(message.pop("tool_calls", []))]
    delta = message | ({"tool_calls": calls} if calls else {})
    yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": _FINISHES.get(reply.finish, "stop")}]}
    if tells_usage:
        yield {**head, "choices": [], "usage": _usage(reply)}


def _head(kind: str, model: str) -> dict[str, Any]:
    return {"id": "again", "object": kind, "created": 0, "model": model}


def _message(reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.thinking:
        message["reasoning_content"] = reply.thinking
    if reply.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in reply.calls
        ]
    return message


def _usage(reply: Reply) -> dict[str, int]:
    spent = reply.usage
    both = spent.tokens_in + spent.tokens_out
    return {"prompt_tokens": spent.tokens_in, "completion_tokens": spent.tokens_out, "total_tokens": both}
