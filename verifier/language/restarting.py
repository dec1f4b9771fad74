"""A session that outlives its server: one that died is started again, a few times, each time after a longer pause."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Self, TypeVar

from shadowfs import RepoPath
from verifier.errors import ServerFailed
from verifier.language.diagnostic import Call, Diagnostic, FileEdit, Fix, Location, Position, Span, Symbol
from verifier.language.language import ANSWER_S, LanguageSession

DEATHS = 3
PAUSE_S = 0.5
Answer = TypeVar("Answer")


class RestartingSession:
    """Keeps a session going: `start` makes one, what was shown is shown to it again, and the call that failed is made once more.

    A server that died `deaths` times stays dead: every call raises `ServerFailed` then. The pauses between begin with
    `pause_s` and double; `sleep` passes them.
    """

    def __init__(
        self,
        server: str,
        start: Callable[[], LanguageSession],
        *,
        deaths: int = DEATHS,
        pause_s: float = PAUSE_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.server = server
        self._start = start
        self._deaths_left = deaths
        self._pause_s = pause_s
        self._sleep = sleep
        self._shown: dict[RepoPath, bytes] = {}
        self._session: LanguageSession | None = None
        self._why = ""

    def show(self, path: RepoPath, data: bytes) -> None:
        """Let the server see `data` at `path`."""
        self._call(lambda session: session.show(path, data))
        self._shown[path] = data

    def hide(self, path: RepoPath) -> None:
        """Let the server see the tree's own file again."""
        self._shown.pop(path, None)
        self._call(lambda session: session.hide(path))

    def wrote(self, paths: Iterable[RepoPath]) -> None:
        """Tell the server that files of the tree itself were made, changed or removed."""
        written = tuple(paths)
        self._call(lambda session: session.wrote(written))

    def diagnose(self, path: RepoPath, timeout_s: float = ANSWER_S) -> tuple[Diagnostic, ...]:
        """Return what the server finds in a file as it is shown now."""
        return self._call(lambda session: session.diagnose(path, timeout_s))

    def definition(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[Location, ...]:
        """Return where the name at a place is defined."""
        return self._call(lambda session: session.definition(path, at, timeout_s))

    def references(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[Location, ...]:
        """Return where the name at a place is used."""
        return self._call(lambda session: session.references(path, at, timeout_s))

    def symbols(self, path: RepoPath, timeout_s: float = ANSWER_S) -> tuple[Symbol, ...]:
        """Return what a file declares."""
        return self._call(lambda session: session.symbols(path, timeout_s))

    def hover(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> str:
        """Return what is to be told of the name at a place."""
        return self._call(lambda session: session.hover(path, at, timeout_s))

    def rename(self, path: RepoPath, at: Position, name: str, timeout_s: float = ANSWER_S) -> tuple[FileEdit, ...]:
        """Return the edits that rename the name at a place."""
        return self._call(lambda session: session.rename(path, at, name, timeout_s))

    def callers(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[Call, ...]:
        """Return the functions that call the one at a place."""
        return self._call(lambda session: session.callers(path, at, timeout_s))

    def callees(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[Call, ...]:
        """Return the functions that the one at a place calls."""
        return self._call(lambda session: session.callees(path, at, timeout_s))

    def fixes(self, path: RepoPath, span: Span, timeout_s: float = ANSWER_S) -> tuple[Fix, ...]:
        """Return the quick fixes for what was found in a span."""
        return self._call(lambda session: session.fixes(path, span, timeout_s))

    def close(self) -> None:
        """End the server. Safe to call twice."""
        self._deaths_left = 0
        self._why = self._why or "it was closed"
        if self._session is not None:
            self._session.close()
            self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _call(self, ask: Callable[[LanguageSession], Answer]) -> Answer:
        try:
            return ask(self._running())
        except ServerFailed:
            self._bury()
        try:
            return ask(self._running())
        except ServerFailed:
            self._bury()
            raise

    def _running(self) -> LanguageSession:
        if self._session is None:
            self._session = self._started()
        return self._session

    def _started(self) -> LanguageSession:
        if self._deaths_left <= 0:
            raise ServerFailed(f"{self.server} is not started again: {self._why or 'it died too often'}")
        session = self._start()
        for path, data in self._shown.items():
            session.show(path, data)
        return session

    def _bury(self) -> None:
        """Take note of a death, and pass the pause before the next life."""
        if self._session is not None:
            self._session.close()
            self._session = None
        self._deaths_left -= 1
        self._why = self._why or "it died too often"
        if self._deaths_left > 0:
            self._sleep(self._pause_s)
            self._pause_s *= 2
