"""The language servers of one workspace: started when first asked, kept in step with its files, each asked what it is for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self, TypeVar

from shadowfs import RepoPath
from verifier.errors import ServerFailed, ServerRefused, ServerSilent
from verifier.language.delta import Checked, Delta, introduced
from verifier.language.diagnostic import Call, Diagnostic, FileEdit, Fix, Location, Position, Span, Symbol, TextEdit
from verifier.language.documents import decoded
from verifier.language.language import ANSWER_S, LanguageSession
from verifier.language.registry import chosen_servers
from verifier.language.server import Found, Says, Tier, language_of
from verifier.language.text import apply_edits

Answer = TypeVar("Answer")
IDLE_S = 600.0
_TROUBLE = (ServerFailed, ServerRefused, ServerSilent)


@dataclass(frozen=True, slots=True)
class Findings:
    """What the edits of a file introduced and resolved, which servers were asked, and what kept others from answering."""

    delta: Delta
    asked: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inspection:
    """All that is found in a file as it is, which servers were asked, and what kept others from answering."""

    found: tuple[Diagnostic, ...] = ()
    asked: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


def _no_session(found: Found) -> LanguageSession:
    raise ServerFailed(f"{found.server.name}: nothing here starts it")


def _no_file(path: RepoPath) -> bytes:
    raise FileNotFoundError(path)


class Languages:
    """The servers that a workspace may ask, none unless given; `start` starts one.

    `read` gives a file as it is now, `before` as it was before any edit (None where there was none). An answer is
    waited for at most `left_s()`. A server sees the files as they are when it is asked.
    """

    def __init__(
        self,
        servers: Sequence[Found] = (),
        start: Callable[[Found], LanguageSession] = _no_session,
        read: Callable[[RepoPath], bytes] = _no_file,
        before: Callable[[RepoPath], bytes | None] = lambda _: None,
        left_s: Callable[[], float] = lambda: ANSWER_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servers = tuple(servers)
        self._start = start
        self._read = read
        self._before = before
        self._left_s = left_s
        self._clock = clock
        self._asked_at: dict[str, float] = {}
        self._sessions: dict[str, LanguageSession] = {}
        self._shown: dict[str, set[RepoPath]] = {}
        self._baselines: dict[tuple[str, RepoPath], dict[RepoPath, Checked]] = {}

    @property
    def running(self) -> bool:
        """Say whether any server runs."""
        return bool(self._sessions)

    def knows(self, path: RepoPath) -> bool:
        """Say whether a server is there for the language of a file."""
        return bool(chosen_servers(self._servers, language_of(path) or "", Tier.FAST))

    def diagnose(self, path: RepoPath) -> Findings:
        """Return what the edits so far introduced and resolved in a file, as the fast servers see it; trouble is a value here."""
        new: list[Diagnostic] = []
        gone: list[Diagnostic] = []
        asked: list[str] = []
        failures: list[str] = []
        for found in chosen_servers(self._servers, language_of(path) or "", Tier.FAST):
            try:
                delta = self._delta(found, path)
            except _TROUBLE as error:
                failures.append(str(error))
                continue
            asked.append(found.server.name)
            new += delta.introduced
            gone += delta.resolved
        return Findings(Delta(tuple(new), tuple(gone)), tuple(asked), tuple(failures))

    def inspect(self, path: RepoPath, timeout_s: float = ANSWER_S) -> Inspection:
        """Return all that the fast servers find in a file as it is, edited or not; trouble is a value here."""
        said: list[Diagnostic] = []
        asked: list[str] = []
        failures: list[str] = []
        for found in chosen_servers(self._servers, language_of(path) or "", Tier.FAST):
            try:
                said += self._current(found, path).diagnose(path, min(self._left_s(), timeout_s))
            except _TROUBLE as error:
                failures.append(str(error))
            else:
                asked.append(found.server.name)
        return Inspection(tuple(said), tuple(asked), tuple(failures))

    def definition(self, path: RepoPath, at: Position) -> tuple[Location, ...]:
        """Return where the name at a place is defined. Raises `ServerRefused` where no server can tell."""
        return self._ask(path, lambda session, left_s: session.definition(path, at, left_s))

    def references(self, path: RepoPath, at: Position) -> tuple[Location, ...]:
        """Return where the name at a place is used."""
        return self._ask(path, lambda session, left_s: session.references(path, at, left_s))

    def symbols(self, path: RepoPath) -> tuple[Symbol, ...]:
        """Return what a file declares."""
        return self._ask(path, lambda session, left_s: session.symbols(path, left_s))

    def hover(self, path: RepoPath, at: Position) -> str:
        """Return the type of, and what is written about, the name at a place."""
        return self._ask(path, lambda session, left_s: session.hover(path, at, left_s))

    def rename(self, path: RepoPath, at: Position, name: str) -> tuple[FileEdit, ...]:
        """Return the edits that give the name at a place another name everywhere."""
        return self._ask(path, lambda session, left_s: session.rename(path, at, name, left_s))

    def callers(self, path: RepoPath, at: Position) -> tuple[Call, ...]:
        """Return the functions that call the one at a place."""
        return self._ask(path, lambda session, left_s: session.callers(path, at, left_s))

    def callees(self, path: RepoPath, at: Position) -> tuple[Call, ...]:
        """Return the functions that the one at a place calls."""
        return self._ask(path, lambda session, left_s: session.callees(path, at, left_s))

    def completions(self, path: RepoPath, span: Span, timeout_s: float = ANSWER_S) -> tuple[str, ...]:
        """Return the names that could stand in place of a span."""

        def ask(session: LanguageSession, left_s: float) -> tuple[str, ...]:
            # A server completes what is being written: what stands there already would narrow it down, or be in the way.
            text = apply_edits(decoded(path, self._read(path)), [TextEdit(span, "")])
            session.show(path, text.encode())
            return session.completions(path, span.start, min(left_s, timeout_s))

        return self._ask(path, ask)

    def fixes(self, path: RepoPath, span: Span, timeout_s: float = ANSWER_S) -> tuple[Fix, ...]:
        """Return the quick fixes that any fast server has for what it found in a span."""
        fixes: list[Fix] = []
        for found in chosen_servers(self._servers, language_of(path) or "", Tier.FAST):
            with suppress(*_TROUBLE):
                fixes += self._current(found, path).fixes(path, span, min(self._left_s(), timeout_s))
        return tuple(fixes)

    def wrote(self, paths: Iterable[RepoPath]) -> None:
        """Tell the running servers that files were made, changed or removed."""
        written = tuple(paths)
        for session in self._sessions.values() if written else ():
            with suppress(*_TROUBLE):
                session.wrote(written)

    def reap(self, idle_s: float = IDLE_S) -> None:
        """End the servers that nobody has asked for `idle_s`; the next question starts them anew."""
        for name, asked_at in tuple(self._asked_at.items()):
            if self._clock() - asked_at >= idle_s and name in self._sessions:
                self._sessions.pop(name).close()

    def close(self) -> None:
        """End the servers. Safe to call twice."""
        while self._sessions:
            self._sessions.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _delta(self, found: Found, path: RepoPath) -> Delta:
        key = (found.server.name, path)
        session = self._session(found)
        if key not in self._baselines:
            self._baselines[key] = self._checked(session, path, self._before(path))
        try:
            data: bytes | None = self._read(path)
        except FileNotFoundError:
            data = None
        self._synchronise(found, session)
        return introduced(self._baselines[key], self._checked(session, path, data))

    def _checked(self, session: LanguageSession, path: RepoPath, data: bytes | None) -> dict[RepoPath, Checked]:
        if data is None:
            return {}
        session.show(path, data)
        self._shown.setdefault(session.server, set()).add(path)
        return {path: Checked(data.decode("utf-8"), session.diagnose(path, self._left_s()))}

    def _ask(self, path: RepoPath, ask: Callable[[LanguageSession, float], Answer]) -> Answer:
        """Ask the servers that know types, in order, until one answers."""
        why = f"there is no language server for {path!r} here"
        for tier in Tier:
            for found in chosen_servers(self._servers, language_of(path) or "", tier):
                if found.server.says is Says.TYPES:
                    try:
                        return ask(self._current(found, path), self._left_s())
                    except _TROUBLE as error:
                        why = str(error)
        raise ServerRefused(why)

    def _current(self, found: Found, path: RepoPath) -> LanguageSession:
        """Return the session with a server that sees all files, and `path`, as they are now."""
        self._read(path)
        session = self._session(found)
        self._shown.setdefault(found.server.name, set()).add(path)
        self._synchronise(found, session)
        return session

    def _synchronise(self, found: Found, session: LanguageSession) -> None:
        shown = self._shown.setdefault(found.server.name, set())
        for path in tuple(shown):
            try:
                session.show(path, self._read(path))
            except (OSError, ServerRefused):
                session.hide(path)
                shown.discard(path)

    def _session(self, found: Found) -> LanguageSession:
        name = found.server.name
        if name not in self._sessions:
            self._sessions[name] = self._start(found)
        self._asked_at[name] = self._clock()
        return self._sessions[name]
