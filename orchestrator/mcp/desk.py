"""The desk: where a client's calls wait for the thread that works. It takes one at a time, in the order in which they came."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue

Progress = Callable[[str], None]
"""Told what happens while a call is being done; called from the thread that works."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call: text to read, and the same as data (JSON values); a refusal says what to do next."""

    text: str
    data: Mapping[str, object] = field(default_factory=dict)
    refused: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call of a tool, and where its answer is waited for."""

    name: str
    given: Mapping[str, object]
    answer: Future[Answer]
    progress: Progress


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand, for whoever asks while a call is being done: the ticket in hand, the latest event, how the last job ended.

    `ends_at` is when the client's time for the ticket is used up, as `time.monotonic` counts.
    """

    ticket: str = ""
    latest: str = ""
    ends_at: float | None = None
    shadows: tuple[str, ...] = ()
    last: Answer | None = None

    def seconds_left(self) -> float | None:
        """Return the seconds that are left for the ticket in hand, None where there is none."""
        return None if self.ends_at is None else round(max(0.0, self.ends_at - time.monotonic()), 1)


class Desk:
    """Between two threads: one hands calls in, the other takes and answers them.

    `interrupt` makes the thread that works raise `KeyboardInterrupt`; it is called once the client leaves in the middle of a job.
    """

    def __init__(self, interrupt: Callable[[], None]) -> None:
        self.standing = Standing()
        self._interrupt = interrupt
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._at_work = False
        self._left = False
        self._in_hand: Call | None = None

    def hand_in(self, name: str, given: Mapping[str, object], progress: Progress = lambda _: None) -> Future[Answer]:
        """Put a call on the desk; its future can be cancelled until it is taken."""
        call = Call(name, given, Future(), progress)
        self._calls.put(call)
        return call.answer

    def leave(self) -> None:
        """Say that the client has left: an open job ends as by Ctrl-C, with its work kept."""
        with self._lock:
            self._left = True
            at_work = self._at_work
        if at_work:
            self._interrupt()
        else:
            self._calls.put(None)

    @property
    def left(self) -> bool:
        """Say whether the client has left."""
        return self._left

    @property
    def in_hand(self) -> Call | None:
        """Return the call that was taken and not answered yet."""
        return self._in_hand

    def take(self, timeout_s: float | None = None) -> Call | None:
        """Return the next call; None when `timeout_s` passes first, or the client has left."""
        ends = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            try:
                call = self._calls.get(timeout=None if ends is None else max(0.0, ends - time.monotonic()))
            except Empty:
                return None
            if call is None:
                return None
            if call.answer.set_running_or_notify_cancel():
                self._in_hand = call
                return call

    def answer(self, answer: Answer) -> None:
        """Answer the call in hand; where there is none, nobody hears it."""
        call, self._in_hand = self._in_hand, None
        if call is not None:
            call.answer.set_result(answer)

    def tell(self, text: str) -> None:
        """Tell what happens to whoever waits for the call in hand."""
        self.note(latest=text)
        if self._in_hand is not None:
            self._in_hand.progress(text)

    def note(self, **changes: object) -> None:
        """Change how things stand; only the thread that works does."""
        self.standing = replace(self.standing, **changes)  # type: ignore[arg-type]  # the fields of Standing

    @contextmanager
    def at_work(self) -> Iterator[bool]:
        """Hold the right to be interrupted for as long as the block works on a job; False where the client has left before."""
        with self._lock:
            self._at_work = not self._left
        try:
            yield self._at_work
        finally:
            with self._lock:
                self._at_work = False
