"""A recording gone through again with changed code: each request gets the answer of the one that it stands for, and both are kept to be compared."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

from agents.models.errors import ModelError, Trouble
from agents.models.journaled import Recording
from agents.models.model import Reply, Request, Watch, unwatched
from agents.models.record import Recorded


@dataclass(frozen=True, slots=True)
class Compared:
    """A request as it was asked and as the code would ask it now."""

    before: Request
    now: Request

    @property
    def same(self) -> bool:
        """Say whether a model would be asked the same."""
        return self.before == self.now


@dataclass(slots=True)
class Replaying:
    """Answers the n-th request as the n-th recorded one was answered, an equal one first; then raises `NOT_RECORDED`.

    A request whose reply was never written down has no answer either.
    """

    recording: Recording
    name: str
    context_tokens: int
    compared: list[Compared] = field(default_factory=list)
    _left: deque[Recorded] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._left.extend(self.recording.requests)

    @property
    def unasked(self) -> int:
        """Return how many recorded requests nothing stood for."""
        return len(self._left)

    def complete(self, request: Request, *, deadline_s: float, watch: Watch = unwatched) -> Reply:
        """Return the reply to the recorded request that this one stands for."""
        del deadline_s
        watch("")
        with self._lock:
            recorded = self._stands_for(request)
            self.compared.append(Compared(recorded.request, request))
            replies = self.recording.replies.get(recorded.digest)
            if not replies:
                raise ModelError(
                    Trouble.NOT_RECORDED, f"the reply to request {len(self.compared)} was not written down"
                )
            return replies.popleft()

    def _stands_for(self, request: Request) -> Recorded:
        if not self._left:
            raise ModelError(Trouble.NOT_RECORDED, f"{len(self.compared)} requests were recorded, and all are used up")
        equal = next((each for each in self._left if each.request == request), None)
        chosen = equal or self._left[0]
        self._left.remove(chosen)
        return chosen
