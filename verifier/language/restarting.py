"""A session that outlives its server: one that died is started again, a few times, each time after a longer pause."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from shadowfs import RepoPath
from verifier.errors import LeaseEnded, ServerFailed
from verifier.language.delegate import Answer, Delegate
from verifier.language.language import LanguageSession

DEATHS = 3
PAUSE_S = 0.5


class RestartingSession(Delegate):
    """Keeps a session going: `start` makes one, what was shown is shown to it again, and the call that failed is made once more.

    A server that died `deaths` times stays dead: every call raises `ServerFailed` then. The pauses between begin with
    `pause_s` and double; `sleep` passes them. The end of a lease is no death: `start` gives another session.
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

    def close(self) -> None:
        """End the server. Safe to call twice."""
        self._deaths_left = 0
        self._why = self._why or "it was closed"
        self._leave()

    def _call(self, ask: Callable[[LanguageSession], Answer]) -> Answer:
        try:
            return ask(self._running())
        except LeaseEnded:
            self._leave()
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

    def _leave(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _bury(self) -> None:
        """Take note of a death, and pass the pause before the next life."""
        self._leave()
        self._deaths_left -= 1
        self._why = self._why or "it died too often"
        if self._deaths_left > 0:
            self._sleep(self._pause_s)
            self._pause_s *= 2
