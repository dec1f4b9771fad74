"""What can go wrong with a model: one exception, its kind, and what to do next."""

from __future__ import annotations

from enum import StrEnum

from agents.errors import AgentError
from agents.models.model import Reply


class Trouble(StrEnum):
    """Kinds of trouble with a model."""

    NO_ADDRESS = "no address"
    NO_LIBRARY = "no client library"
    WRONG_KEY = "wrong key"
    UNKNOWN_MODEL = "unknown model"
    UNREACHABLE = "unreachable"
    OVERLOADED = "overloaded"
    REFUSED = "refused"
    TOO_LONG = "too long"
    EMPTY = "nothing returned"
    GARBAGE = "garbage"
    REPETITION = "endless repetition"
    SILENT = "hung"
    BROKEN = "broken off"
    DEADLINE = "out of time"
    NOT_RECORDED = "not recorded"


NEXT = {
    Trouble.NO_ADDRESS: "set LLM_BASE_URL and LLM_MODEL, or add a table [models.NAME] with base_url and model to config.toml",
    Trouble.NO_LIBRARY: "install nightcrew with its extra: uv tool install 'nightcrew[models]'",
    Trouble.WRONG_KEY: "put a valid key into LLM_API_KEY, or into the variable that key_env names",
    Trouble.UNKNOWN_MODEL: "set LLM_MODEL (or `model` in config.toml) to a name that the server lists at /models",
    Trouble.UNREACHABLE: "check that the server runs and that base_url is its address, usually ending in /v1",
    Trouble.OVERLOADED: "try again later, ask for fewer attempts at once, or name another model",
    Trouble.REFUSED: "read what the server says; its parameters or its limits are others than was assumed",
    Trouble.TOO_LONG: "set `context` in config.toml to what the server really takes, or use a model with a longer one",
    Trouble.EMPTY: "ask again, or use another model: this one had nothing to say",
    Trouble.GARBAGE: "check that base_url is an OpenAI-compatible address, usually ending in /v1",
    Trouble.REPETITION: "ask again at a higher temperature, or use another model",
    Trouble.SILENT: "look at the server's log; raise the idle limit if it is only slow",
    Trouble.BROKEN: "look at the server's log, and ask again",
    Trouble.DEADLINE: "give the job more seconds, ask for fewer tokens, or use a faster model",
    Trouble.NOT_RECORDED: "this request is in no journal: run it with a model that answers",
}
"""What somebody can do about each."""


class ModelError(AgentError, RuntimeError):
    """Raised when a model gives no usable answer: what kind of trouble it is, and what had come of the answer by then."""

    def __init__(self, trouble: Trouble, why: str, *, partial: Reply | None = None) -> None:
        super().__init__(f"{why}; {NEXT[trouble]}")
        self.trouble = trouble
        self.why = why
        self.partial = partial

    @property
    def next(self) -> str:
        """Return what to do about it."""
        return NEXT[self.trouble]
