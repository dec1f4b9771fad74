"""The desk: tickets that are to be worked on here, for the thread that works. It takes one at a time, in the order in which they came."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.records import JobReport, Watch


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A ticket to work on: who sees what happens, and where its end is waited for."""

    ticket: str
    watch: Watch
    ended: Future[JobReport] = field(default_factory=Future)


class Desk:
    """Between two threads: one puts tickets on it, the other takes them.

    `interrupt` makes the thread that works raise `KeyboardInterrupt`; it is called once the editor leaves in the middle of a job.
    """

    def __init__(self, interrupt: Callable[[], None]) -> None:
        self._interrupt = interrupt
        self._changed = threading.Condition()
        self._waiting: deque[Task] = deque()
        self._in_hand: Task | None = None
        self._left = False

    def put(self, task: Task) -> int:
        """Put a ticket on the desk and return how many are before it."""
        with self._changed:
            before = len(self._waiting) + (self._in_hand is not None)
            self._waiting.append(task)
            self._changed.notify_all()
            return before

    def drop(self, ticket: str) -> bool:
        """Take a ticket off that nobody works on yet; say whether it was there. Its end is then cancelled."""
        with self._changed:
            found = next((task for task in self._waiting if task.ticket == ticket), None)
            if found is not None:
                self._waiting.remove(found)
        return found is not None and found.ended.cancel()

    def leave(self) -> None:
        """Say that the editor has left: an open job ends as by Ctrl-C, with its work kept, and no other begins."""
        with self._changed:
            self._left = True
            at_work = self._in_hand is not None
            self._changed.notify_all()
        if at_work:
            self._interrupt()

    @property
    def left(self) -> bool:
        """Say whether the editor has left."""
        return self._left

    @contextmanager
    def taken(self) -> Iterator[Task | None]:
        """Wait for the next ticket and hold it for as long as the block lasts; None once the editor has left."""
        with self._changed:
            while not self._left and not self._waiting:
                self._changed.wait()
            task = None if self._left else self._waiting.popleft()
            self._in_hand = task
        try:
            yield task
        finally:
            with self._changed:
                self._in_hand = None


def work(desk: Desk, resume: Callable[[str, Watch], JobReport], expected: tuple[type[Exception], ...]) -> None:
    """Work on what is put on the desk until the editor has left. `resume` works on a ticket; what it raises of `expected` is told.

    Raises `KeyboardInterrupt` where somebody else ends it.
    """
    try:
        while not desk.left:
            with desk.taken() as task:
                if task is None:
                    return
                if not task.ended.set_running_or_notify_cancel():
                    continue
                try:
                    report = resume(task.ticket, task.watch)
                except expected as error:
                    task.ended.set_exception(error)
                    continue
                task.ended.set_result(report)
                if report.interrupted:
                    raise KeyboardInterrupt
    except KeyboardInterrupt:
        if not desk.left:
            raise
