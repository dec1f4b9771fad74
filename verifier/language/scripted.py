"""A language session that says what it is told: for tests, and for users who write plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from shadowfs import RepoPath
from verifier.errors import ServerFailed, ServerRefused
from verifier.language.diagnostic import Call, Diagnostic, FileEdit, Fix, Location, Position, Span, Symbol
from verifier.language.documents import decoded
from verifier.language.language import ANSWER_S

Find = Callable[[RepoPath, str], tuple[Diagnostic, ...]]
"""Given a path and its text, tells what is found there."""


@dataclass(slots=True)
class ScriptedSession:
    """Runs no server. `find` says what is found in a text; `files` are the tree's own; the rest is said of every place."""

    find: Find
    files: Mapping[RepoPath, bytes]
    places: tuple[Location, ...] = ()
    uses: tuple[Location, ...] = ()
    declared: tuple[Symbol, ...] = ()
    told: str = ""
    renames: Callable[[str], tuple[FileEdit, ...]] = lambda _: ()
    calls: tuple[Call, ...] = ()
    offers: tuple[Fix, ...] = ()
    names: tuple[str, ...] = ()
    server: str = "scripted"
    shown: dict[RepoPath, bytes] = field(default_factory=dict)
    written: list[RepoPath] = field(default_factory=list)
    closed: bool = False

    def show(self, path: RepoPath, data: bytes) -> None:
        """Take a text to be seen at `path`."""
        self._open()
        decoded(path, data)
        self.shown[path] = data

    def hide(self, path: RepoPath) -> None:
        """See the tree's own file again."""
        self._open()
        self.shown.pop(path, None)

    def wrote(self, paths: Iterable[RepoPath]) -> None:
        """Take note of written files."""
        self._open()
        self.written += paths

    def diagnose(self, path: RepoPath, timeout_s: float = ANSWER_S) -> tuple[Diagnostic, ...]:
        """Return what `find` says of the file as it is seen now."""
        del timeout_s
        return self.find(path, self._text(path))

    def definition(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[Location, ...]:
        """Return `places`."""
        del at, timeout_s
        self._text(path)
        return self.places

    def references(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[Location, ...]:
        """Return `uses`."""
        del at, timeout_s
        self._text(path)
        return self.uses

    def symbols(self, path: RepoPath, timeout_s: float = ANSWER_S) -> tuple[Symbol, ...]:
        """Return what of `declared` is in the file."""
        del timeout_s
        self._text(path)
        return tuple(symbol for symbol in self.declared if symbol.location.path == path)

    def hover(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> str:
        """Return `told`."""
        del at, timeout_s
        self._text(path)
        return self.told

    def rename(self, path: RepoPath, at: Position, name: str, timeout_s: float = ANSWER_S) -> tuple[FileEdit, ...]:
        """Return what `renames` says of the name."""
        del at, timeout_s
        self._text(path)
        return self.renames(name)

    def callers(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[Call, ...]:
        """Return `calls`."""
        del at, timeout_s
        self._text(path)
        return self.calls

    def callees(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[Call, ...]:
        """Return `calls`."""
        return self.callers(path, at, timeout_s)

    def completions(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[str, ...]:
        """Return `names`."""
        del at, timeout_s
        self._text(path)
        return self.names

    def fixes(self, path: RepoPath, span: Span, timeout_s: float = ANSWER_S) -> tuple[Fix, ...]:
        """Return `offers`."""
        del span, timeout_s
        self._text(path)
        return self.offers

    def close(self) -> None:
        """End. Safe to call twice."""
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _open(self) -> None:
        if self.closed:
            raise ServerFailed(f"{self.server}: it was closed")

    def _text(self, path: RepoPath) -> str:
        self._open()
        if path in self.shown:
            return self.shown[path].decode()
        if path not in self.files:
            raise ServerRefused(f"{path!r} cannot be read: there is no such file")
        return decoded(path, self.files[path])
