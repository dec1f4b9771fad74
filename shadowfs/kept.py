"""Git processes that are kept, whoever asks: each answers one question after another, so that a question costs no process of its own."""

from __future__ import annotations

import os
import subprocess
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from shadowfs import git
from shadowfs.errors import DepotError

T = TypeVar("T")

_MOST = 16
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Called:
    """How a process is called: git's words, on a git directory, perhaps with a working tree."""

    words: tuple[str, ...]
    git_dir: Path
    work_tree: Path | None = None
    extra: tuple[tuple[str, str], ...] = ()


_KEPT: dict[tuple[int, Called], _Process] = {}
"""By the process whose children they are."""


def ask(
    called: Called, question: bytes, answer: Callable[[IO[bytes]], T], lasts: Callable[[T], bool] = lambda _: False
) -> T:
    """Ask a process, started at the first question, and return what `answer` reads of it; it raises `EOFError` where nothing more comes.

    Threads may ask the same; a forked child has processes of its own. One that ended without an answer is asked once more. What `lasts`
    is remembered for as long as the process runs. Raises `DepotError`.
    """
    me = os.getpid()
    one = _KEPT.get((me, called))
    if one is None:
        one = _KEPT.setdefault((me, called), _Process(called))
        _let_go(me)
    return one.ask(question, answer, lasts)


def _let_go(me: int) -> None:
    """Keep few, and none of a parent's: whoever is asking one of these keeps it until it has its answer."""
    mine = [(one.asked_at, key) for key, one in list(_KEPT.items()) if key[0] == me]
    few = {key for _, key in sorted(mine, key=lambda each: each[0])[-_MOST:]}
    for key in list(_KEPT):
        if key not in few:
            _KEPT.pop(key, None)


def end(directory: Path) -> None:
    """End the processes on git directories at or below a directory; the next question starts another."""
    for key in list(_KEPT):
        if key[1].git_dir.is_relative_to(directory) and (one := _KEPT.pop(key, None)) is not None:
            one.end()


def end_gone() -> None:
    """End the processes whose git directory is gone: they would hold the room that its files take."""
    for _, called in list(_KEPT):
        if not called.git_dir.exists():
            end(called.git_dir)


@dataclass(eq=False)
class _Process:
    """One process, which ends with this object."""

    called: Called
    asked_at: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _process: subprocess.Popen[bytes] | None = None
    _on: tuple[int, int] = (0, 0)
    _end: weakref.finalize[[subprocess.Popen[bytes], int], _Process] | None = None
    _remembered: dict[bytes, Any] = field(default_factory=dict)

    def ask(self, question: bytes, answer: Callable[[IO[bytes]], T], lasts: Callable[[T], bool]) -> T:
        self.asked_at = time.monotonic()
        with self._lock:
            for _ in range(2):
                try:
                    return self._answer(question, answer, lasts)
                except (EOFError, BrokenPipeError):
                    self._stop()
                except BaseException:
                    # The rest of the answer would be taken for that to the next question.
                    self._stop()
                    raise
        raise DepotError(f"git {self.called.words[0]} in {self.called.git_dir} ended without an answer")

    def end(self) -> None:
        with self._lock:
            self._stop()

    def _answer(self, question: bytes, answer: Callable[[IO[bytes]], T], lasts: Callable[[T], bool]) -> T:
        process = self._running()
        if question in self._remembered:
            known: T = self._remembered[question]
            return known
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(question)
        process.stdin.flush()
        found = answer(process.stdout)
        if lasts(found):
            self._remembered[question] = found
            if len(self._remembered) > _REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
        return found

    def _running(self) -> subprocess.Popen[bytes]:
        status = self.called.git_dir.stat()
        on = (status.st_dev, status.st_ino)
        # A directory that was removed, and made anew, has none of the objects that the process still sees.
        if self._process is None or self._process.poll() is not None or self._on != on:
            self._stop()
            self._on = on
            self._process = subprocess.Popen(
                git.command(self.called.words),
                env=git.environment(self.called.git_dir, work_tree=self.called.work_tree) | dict(self.called.extra),
                cwd=self.called.work_tree or self.called.git_dir,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._end = weakref.finalize(self, _end, self._process, os.getpid())
        return self._process

    def _stop(self) -> None:
        if self._end is not None:
            self._end()
        self._process = self._end = None
        self._remembered.clear()


def _end(process: subprocess.Popen[bytes], pid: int) -> None:
    # What was asked of a process that died is still in its pipe's buffer.
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()
    if pid == os.getpid():
        # The end of its input would end it too, unless a forked child still holds the pipe.
        process.terminate()
        process.wait()
    else:
        # The process is the parent's: its Popen must not be reaped, nor warned about, here.
        process.returncode = 0
