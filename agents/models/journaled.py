"""A model whose requests and replies are journaled before they are acted on; what a life before a crash was told is not asked again."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agents.agent import Step
from agents.models.errors import ModelError
from agents.models.model import Model, Reply, Request, Watch, unwatched
from agents.models.record import Recorded, digest, read_reply, read_requests, reply_data, request_data

ASKED, REPLIED, FAILED = "model_asked", "model_replied", "model_failed"


class Diary(Protocol):
    """What a journaled model needs of a workspace."""

    def journal(self) -> Sequence[Step]:
        """Return the steps so far, those of a life before a crash too."""
        ...

    def note(self, kind: str, data: Mapping[str, object]) -> None:
        """Journal something, as a step of the kind `note:<kind>`."""
        ...


@dataclass(slots=True)
class Recording:
    """What a journal holds of a model's answers: by request, its replies in order, and the messages already written down.

    `unread` says what was ignored, because another version wrote it.
    """

    replies: dict[str, deque[Reply]] = field(default_factory=dict)
    requests: list[Recorded] = field(default_factory=list)
    messages: set[str] = field(default_factory=set)
    unread: list[str] = field(default_factory=list)


def recall(steps: Sequence[Step]) -> Recording:
    """Read what `JournaledModel` left in a journal."""
    recording = Recording()
    asked = [step for step in steps if step.kind == f"note:{ASKED}"]
    recording.requests, recording.messages, recording.unread = read_requests(asked)
    for step in steps:
        if step.kind == f"note:{REPLIED}":
            try:
                key, reply = str(step.data["request"]), read_reply(step.data)
            except (KeyError, TypeError, ValueError) as error:
                recording.unread.append(f"step {step.number} holds no reply of this version: {error}")
                continue
            recording.replies.setdefault(key, deque()).append(reply)
    return recording


class JournaledModel:
    """Journals what another model is asked and answers, and gives recorded answers back: the n-th to the n-th equal request.

    Equal requests in any order, from any thread, are told apart by their number only, so samples of one prompt come back as
    they were. `reused` counts the answers that were not asked for again.
    """

    def __init__(self, model: Model, workspace: Diary) -> None:
        self._model = model
        self._workspace = workspace
        self._recording = recall(workspace.journal())
        self._lock = threading.Lock()
        self.reused = 0

    @property
    def name(self) -> str:
        """Return the name of the model that answers."""
        return self._model.name

    @property
    def context_tokens(self) -> int:
        """Return how many tokens a request and its reply may have together."""
        return self._model.context_tokens

    def complete(self, request: Request, *, deadline_s: float, watch: Watch = unwatched) -> Reply:
        """Return the recorded reply, else journal the request, ask, and journal what comes."""
        key = digest(self.name, request)
        with self._lock:
            if waiting := self._recording.replies.get(key):
                self.reused += 1
                return waiting.popleft()
            asked = request_data(self.name, request, self._recording.messages)
            self._workspace.note(ASKED, asked)
        try:
            reply = self._model.complete(request, deadline_s=deadline_s, watch=watch)
        except ModelError as error:
            with self._lock:
                self._workspace.note(FAILED, _failure(key, error))
            raise
        with self._lock:
            self._workspace.note(REPLIED, {"request": key, **reply_data(reply)})
        return reply


def _failure(key: str, error: ModelError) -> Mapping[str, object]:
    partial = {} if error.partial is None else {"partial": reply_data(error.partial)}
    return {"request": key, "trouble": str(error.trouble), "why": error.why, **partial}
