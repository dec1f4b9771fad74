"""Steps: what is to be done at a forge, as records. Each is written before it is done, and done once, whoever does it. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.forges.records import Thread
from orchestrator.store.codec import encode


class Kind(StrEnum):
    """What a step does."""

    FILE = "file"
    """File the ticket that somebody asked for."""
    REACT = "react"
    """Acknowledge it."""
    TELL = "tell"
    """Put an answer into the thread."""
    REMARK = "remark"
    """Send a change back to work with what a reviewer said."""
    CHECKED = "checked"
    """Send a change back to work whose CI run is red."""
    PUSH = "push"
    """Push a ticket's branch, and open or update its pull request."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What is to be told, and the mark that says whether it was."""

    text: str
    mark: str


@dataclass(frozen=True, slots=True)
class Reacting:
    """What is to be acknowledged."""

    comment: str


@dataclass(frozen=True, slots=True)
class Pushing:
    """What is to be pushed."""

    commit: str


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step to be written. `key` says what it is: a second one with the same key is none. `in_s` is how long it waits."""

    kind: Kind
    key: str
    thread: Thread
    payload: str
    ticket: str | None = None
    in_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """A step that somebody holds, to do it. `tries` counts those before; `begun` is what was noted just before it took effect."""

    id: int
    kind: Kind
    key: str
    thread: Thread
    payload: str
    ticket: str | None
    tries: int
    at: float
    begun: str = ""


def new_step(
    kind: Kind, key: str, thread: Thread, record: object, ticket: str | None = None, in_s: float = 0.0
) -> NewStep:
    """Return a step with a record as what it is about."""
    return NewStep(kind, key[:255], thread, encode(record), ticket, in_s)


def telling(thread: Thread, key: str, text: str, mark: str, ticket: str | None = None) -> NewStep:
    """Return a step that tells something."""
    return new_step(Kind.TELL, f"tell:{key}", thread, Telling(text, mark), ticket)
