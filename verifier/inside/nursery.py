"""Forked children: each does one piece of work under limits, says one thing over a pipe, and ends with all it started."""

from __future__ import annotations

import gc
import math
import os
import resource
import shutil
import signal
import tempfile
import threading
import time
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Callable

from . import words
from .channel import _decode, _encode, out_of_reach

_LINE_BYTES = 16 << 20
_HEADROOM_BYTES = 1 << 30
_clock = time.monotonic
_exit, _os_write, _kill = os._exit, os.write, os.kill

if TYPE_CHECKING:
    from .channel import Message

    Work = Callable[[str], Message]
    """Given the path of a directory that it may make for itself, returns what to say."""


class Child:
    """One forked process and the end of the pipe it talks over."""

    def __init__(self, pid: int, pipe: int, number: int, wall_s: float, forks: bool) -> None:
        self.pid = pid
        self.pipe = pipe
        self.number = number
        self.forks = forks
        self.deadline = _clock() + wall_s
        self.data = b""
        self.late = False


class Nursery:
    """Keeps at most `room` children at a time."""

    def __init__(self, closing: Callable[[], list[int]]) -> None:
        self.room = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._closing = closing
        # Set here, so that children need not: in a process just forked, each page touched is a page copied.
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        self._null = os.open(os.devnull, os.O_RDWR)
        with open("/proc/self/statm", "rb") as statm:
            self._memory_bytes = int(statm.read().split()[0]) * resource.getpagesize() + _HEADROOM_BYTES
        self._children: dict[int, Child] = {}
        # In a child: the pipe it talks over, which its own children must not hold.
        self.answer = -1
        self._scratch = os.path.join(tempfile.gettempdir(), f"nightcrew-trial-{os.getpid()}-")

    @property
    def full(self) -> bool:
        """Say whether a further child has to wait."""
        return len(self._children) >= self.room

    @property
    def free(self) -> int:
        """Say how many further children there is room for, at least 1."""
        return max(1, self.room - len(self._children))

    def pipes(self) -> list[int]:
        """Return the descriptors to watch."""
        return list(self._children)

    def scratch(self, number: int) -> str:
        """Return the path of the directory that is the `number`th child's own."""
        return self._scratch + str(number)

    def spawn(self, number: int, cpu_s: float, work: Work, family_s: float = 0.0) -> None:
        """Fork a child for `work`, which may use `cpu_s` of CPU time, and a generous multiple of it of wall clock.

        With `family_s` it may keep a nursery of its own: so many seconds of wall clock are for all.
        """
        read, write = os.pipe()
        pid = fork()
        if pid == 0:
            try:
                os.close(read)
                (os.setsid if family_s else os.setpgrp)()
                _be_a_child([*self._closing(), *self._children], self._null, cpu_s, self._memory_bytes)
                self.answer = out_of_reach(write)
                _work(work, self.scratch(number), self.answer)
            finally:
                _exit(70)
        os.close(write)
        if not family_s:
            _own_group(pid)
        os.set_blocking(read, False)
        self._children[read] = Child(pid, read, number, family_s or wall_s(cpu_s), bool(family_s))

    def finished(self, ready: list[int]) -> list[Message]:
        """Read from the pipes in `ready`; return what the children said that have ended, each with its `cpu_s`."""
        done = []
        for child in list(self._children.values()):
            if _clock() > child.deadline:
                child.late = True
            elif child.pipe not in ready or not _has_ended(child):
                continue
            done.append(self._bury(child))
        return done

    def clear(self) -> None:
        """End all children."""
        for child in list(self._children.values()):
            self._bury(child)

    def _bury(self, child: Child) -> Message:
        del self._children[child.pipe]
        os.close(child.pipe)
        _end_group(child.pid)
        if child.forks:
            _end_session(child.pid)
        _, status, used = os.wait4(child.pid, 0)
        scratch = self.scratch(child.number)
        if os.path.lexists(scratch):
            shutil.rmtree(scratch, ignore_errors=True)
        message = _last_words(child, status)
        message.update(
            t="done",
            n=child.number,
            cpu_s=used.ru_utime + used.ru_stime,
        )
        return message


def wall_s(cpu_s: float) -> float:
    """Return how long a child may take, asleep or waiting for its turn, that may use `cpu_s` of CPU time."""
    return 3 * cpu_s + 10


def fork() -> int:
    """Fork, without the warning that newer Pythons give where the suite has started threads."""
    if threading.active_count() == 1:
        return os.fork()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return os.fork()


def settle() -> None:
    """Make everything that lives now cheap to share with children."""
    gc.collect()
    gc.freeze()


def _own_group(pid: int) -> None:
    # It may have done so itself and gone on, or have ended.
    with suppress(OSError):
        os.setpgid(pid, pid)


def _end_group(pid: int) -> None:
    for kill in (os.killpg, _kill):
        with suppress(OSError):
            kill(pid, signal.SIGKILL)


def _end_session(session: int) -> None:
    """End what the children of a child left, which have groups of their own."""
    met = {session}
    more = True
    while more:
        more = False
        for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
            with suppress(OSError):
                if pid not in met and os.getsid(pid) == session:
                    met.add(pid)
                    more = True
                    _kill(pid, signal.SIGKILL)


def _be_a_child(closing: list[int], null: int, cpu_s: float, memory_bytes: int) -> None:
    for fd in closing:
        os.close(fd)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    # For a test that sets the timer itself.
    _lower(resource.RLIMIT_CPU, math.ceil(cpu_s) + 1)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_AS, memory_bytes)


def _lower(which: int, limit: int) -> None:
    hard = resource.getrlimit(which)[1]
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(which, (limit, limit))


def _work(work: Work, scratch: str, pipe: int) -> None:
    try:
        said = work(scratch)
    except BaseException as error:  # noqa: BLE001 - whatever the tested code raised through its runner ends the child here
        said = {"ending": "died", "message": words.message_of(type(error), error)}
    data = memoryview(_encode(said).encode("ascii") + b"\n")
    while data:
        data = data[_os_write(pipe, data) :]


def _has_ended(child: Child) -> bool:
    try:
        data = os.read(child.pipe, 1 << 20)
    except BlockingIOError:
        return False
    child.data += data
    return not data or data.endswith(b"\n") or len(child.data) > _LINE_BYTES


def _last_words(child: Child, status: int) -> Message:
    if child.data.endswith(b"\n"):
        message = _said(child.data)
        if message is not None:
            return message
    killer = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    if child.late:
        return {"ending": "timed out", "message": "it was still running, or asleep, long after its CPU time"}
    if killer in (signal.SIGPROF, signal.SIGXCPU):
        return {"ending": "timed out", "message": "it used up its CPU time"}
    return {"ending": "died", "message": _how(status, killer)}


def _said(data: bytes) -> Message | None:
    try:
        message = _decode(data.decode("ascii"))
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _how(status: int, killer: int | None) -> str:
    if killer is None:
        return f"it ended with exit status {os.WEXITSTATUS(status)}"
    return f"it was killed by {signal.Signals(killer).name}"
