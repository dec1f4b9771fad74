"""The language servers of an attempt: warm ones that are leased to its shadow, the others in its sandbox, all of them ended or given back with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from orchestrator.places.place import Place
from orchestrator.places.warm import files_of
from sandbox import SandboxError
from shadowfs import RefusedPath, RepoPath, ShadowfsError
from verifier import (
    ANSWER_S,
    Found,
    Languages,
    LanguageSession,
    LeaseEnded,
    RestartingSession,
    View,
    WarmServers,
    start_language_server,
)


def _none_warm() -> WarmServers | None:
    return None


def _unsaid(text: str) -> None:
    del text


def languages_in(
    place: Place,
    base: str,
    servers: Sequence[Found],
    *,
    stopping: Callable[[], None],
    remaining_s: Callable[[], float],
    warm: Callable[[], WarmServers | None] = _none_warm,
    say: Callable[[str], None] = _unsaid,
) -> Languages:
    """Return the servers for a place whose files are compared with the tree `base`; none of them runs yet.

    `stopping` may raise while an answer is waited for, which takes no longer than `remaining_s()`. `warm` gives the warm
    servers on `base`, where there are some; `say` is told what became of them.
    """
    depot = place.shadow.snapshot.depot

    def read(path: RepoPath) -> bytes:
        try:
            return place.shadow.read(path)
        except RefusedPath as error:
            raise PermissionError(str(error)) from error

    def changed() -> Iterable[RepoPath]:
        return depot.change(base, place.shadow.checkpoint()).paths()

    view = View(changed, read, stopping, say)

    def start(found: Found) -> LanguageSession:
        def fresh() -> LanguageSession:
            leased = _leased(found, view, warm) if found.server.leasable else None
            return leased or start_language_server(place.sandbox, found, read, poll=stopping)

        return RestartingSession(found.server.name, fresh)

    return Languages(servers, start, read, files_of(depot, base), lambda: min(remaining_s(), ANSWER_S))


def _leased(found: Found, view: View, warm: Callable[[], WarmServers | None]) -> LanguageSession | None:
    """Lease a warm server; None where there is none that can be shown the shadow as it is."""
    try:
        servers = warm()
        return None if servers is None else servers.lease(found, view)
    except LeaseEnded as error:
        view.say(f"{found.server.name} is started on the shadow itself: {error}")
    except (ShadowfsError, SandboxError) as error:
        view.say(f"no server is kept warm: {error}")
    return None
