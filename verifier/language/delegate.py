"""A session whose questions go to another session, so that what stands before a server says only what it does besides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self, TypeVar

from shadowfs import RepoPath
from verifier.language.diagnostic import Call, Diagnostic, FileEdit, Fix, Location, Position, Span, Symbol
from verifier.language.language import ANSWER_S, LanguageSession

Answer = TypeVar("Answer")


class Delegate(ABC):
    """Asks whichever session `_call` gives the question to."""

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

    def completions(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[str, ...]:
        """Return the names that could stand at a place."""
        return self._call(lambda session: session.completions(path, at, timeout_s))

    def fixes(self, path: RepoPath, span: Span, timeout_s: float = ANSWER_S) -> tuple[Fix, ...]:
        """Return the quick fixes for what was found in a span."""
        return self._call(lambda session: session.fixes(path, span, timeout_s))

    @abstractmethod
    def close(self) -> None:
        """End it. Safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @abstractmethod
    def _call(self, ask: Callable[[LanguageSession], Answer]) -> Answer:
        """Put a question to a session."""
