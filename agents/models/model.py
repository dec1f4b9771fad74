"""The Protocol and records of models: what is asked, what is answered, and what it cost. Nothing here talks to anybody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Role(StrEnum):
    """Who says a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Finish(StrEnum):
    """Why a reply ended. `LENGTH` says that it was cut at its token limit: what it holds is not whole."""

    STOP = "stop"
    TOOLS = "tools"
    LENGTH = "length"
    FILTER = "filter"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to use a tool. `arguments` is JSON text as the model wrote it: it may not parse, and `name` may not exist."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `calls` are an assistant's; `answers` is, in a tool's message, the id of the call that it answers."""

    role: Role
    text: str
    calls: tuple[ToolCall, ...] = ()
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that a model may call; `parameters` is the JSON schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked. `max_tokens` bounds the reply; None leaves a value to the server.

    Where the last message is an assistant's, it is the beginning of the reply, that the model goes on from. With `alternatives` the reply
    tells its tokens, and so many of those that were likeliest in the place of each. Not all servers can do either.
    `prediction` is a text that the reply is likely to repeat with changes: it makes a reply of a pool faster, and is no part of what is asked.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    temperature: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    alternatives: int = 0
    prediction: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a reply; `likeliest` are those that could have stood there, with their probabilities (0 to 1)."""

    text: str
    likeliest: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; `tokens_cached` of `tokens_in` were in the server's cache. `told` is false where they are estimated."""

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    told: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered. `thinking` is what some models say before they answer; it is no part of the answer.

    `tokens` are told where the request wants alternatives, and the server has them.
    """

    text: str
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    finish: Finish = Finish.STOP
    thinking: str = ""
    tokens: tuple[Token, ...] = ()

    @property
    def cut(self) -> bool:
        """Say whether it ended at its token limit, so that its last line, block or call is not whole."""
        return self.finish is Finish.LENGTH


Watch = Callable[[str], None]
"""Told each piece of text as it comes, and `""` at least four times a second meanwhile; what it raises cancels the call."""


def unwatched(piece: str) -> None:
    """Watch nothing."""


class Model(Protocol):
    """Answers requests."""

    @property
    def name(self) -> str: ...

    @property
    def context_tokens(self) -> int:
        """Return how many tokens a request and its reply may have together."""
        ...

    def complete(self, request: Request, *, deadline_s: float, watch: Watch = unwatched) -> Reply:
        """Answer within `deadline_s` seconds, tries again included. Raises `ModelError`, and what `watch` raises."""
        ...
