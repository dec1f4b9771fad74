"""A long-lived `git cat-file --batch`: reads one object after another without a process for each."""

from __future__ import annotations

import os
import subprocess
import threading
import weakref
from pathlib import Path
from typing import IO

from shadowfs import git
from shadowfs.errors import DepotError

_MOST = 16
_STARTED: list[weakref.ref[CatFile]] = []
"""Those with a process, the one that started first in front."""


class CatFile:
    """Reads objects of one git directory. Starts at the first read; threads may share it; a forked child starts its own."""

    def __init__(self, git_dir: Path) -> None:
        self._git_dir = git_dir
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._end: weakref.finalize[[subprocess.Popen[bytes], int], CatFile] | None = None

    def read(self, name: str) -> tuple[str, bytes]:
        """Return the type and bytes of an object; raise `DepotError` when it is not there."""
        if "\n" in name:
            raise DepotError(f"no object is named {name!r}")
        with self._lock:
            answer = self._ask(name)
        if answer is None:
            raise DepotError(f"object {name} is not in {self._git_dir}")
        return answer[1:]

    def identify(self, name: str) -> str | None:
        """Return the id of the object that `name` (an id, a ref, a revision) names, None when it is not there."""
        with self._lock:
            answer = self._ask(name)
        return answer and answer[0]

    def close(self) -> None:
        """End the process. Safe to call twice; a later read starts another."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        if self._end is not None:
            self._end()
            self._end = None
            _STARTED.remove(weakref.ref(self))
        self._process = None

    def _ask(self, name: str) -> tuple[str, str, bytes] | None:
        asked, answers = self._pipes()
        asked.write(os.fsencode(name) + b"\n")
        asked.flush()
        header = answers.readline().decode(errors="replace").rstrip("\n")
        id, _, rest = header.partition(" ")
        kind, _, size = rest.partition(" ")
        # A name that is not there is echoed, so the words alone do not tell: an id is never followed by this.
        if header == f"{name} missing" or not size.isdigit():
            return None
        return id, kind, answers.read(int(size) + 1)[:-1]

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None or self._pid != os.getpid() or self._process.poll() is not None:
            self._start()
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def _start(self) -> None:
        self._stop()
        self._process = subprocess.Popen(
            git.command(["cat-file", "--batch"]),
            env=git.environment(self._git_dir),
            cwd=self._git_dir,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._pid = os.getpid()
        self._end = weakref.finalize(self, _end, self._process, self._pid)
        _STARTED.append(weakref.ref(self, _STARTED.remove))
        _end_oldest()

    def _stop_if_idle(self) -> None:
        # Waiting here could be waiting for whoever waits for the process that is being started.
        if self._lock.acquire(blocking=False):
            try:
                self._stop()
            finally:
                self._lock.release()


def _end_oldest() -> None:
    """Keep few processes: whoever holds a git directory for long, if only because nobody has collected it yet, starts another at its next read."""
    for each in _STARTED[:-_MOST]:
        one = each()
        if one is not None:
            one._stop_if_idle()


def _end(process: subprocess.Popen[bytes], pid: int) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    if pid == os.getpid():
        # The end of its input would end it too, unless a forked child still holds the pipe.
        process.terminate()
        process.wait()
    else:
        # The process is the parent's: its Popen must not be reaped, nor warned about, here.
        process.returncode = 0
