"""The language servers of an attempt: in its sandbox, on its shadow, started again when they die, ended with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from orchestrator.place import Place
from shadowfs import Entry, RefusedPath, RepoPath
from verifier import ANSWER_S, Found, Languages, LanguageSession, RestartingSession, start_language_server

_FILES = (0o100644, 0o100755)


def languages_in(
    place: Place,
    base: str,
    servers: Sequence[Found],
    *,
    stopping: Callable[[], None],
    remaining_s: Callable[[], float],
) -> Languages:
    """Return the servers for a place whose files are compared with the tree `base`; none of them runs yet.

    `stopping` may raise while an answer is waited for, which takes no longer than `remaining_s()`.
    """
    depot = place.shadow.snapshot.depot

    @cache
    def entries() -> dict[RepoPath, Entry]:
        return depot.entries(base)

    def read(path: RepoPath) -> bytes:
        try:
            return place.shadow.read(path)
        except RefusedPath as error:
            raise PermissionError(str(error)) from error

    def before(path: RepoPath) -> bytes | None:
        entry = entries().get(path)
        return depot.read(entry.blob) if entry is not None and entry.mode in _FILES else None

    def start(found: Found) -> LanguageSession:
        def fresh() -> LanguageSession:
            return start_language_server(place.sandbox, found, read, poll=stopping)

        return RestartingSession(found.server.name, fresh)

    return Languages(servers, start, read, before, lambda: min(remaining_s(), ANSWER_S))
