"""The Protocol of language-server sessions: a text is shown, and findings, places and edits are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, Self

from shadowfs import RepoPath
from verifier.language.diagnostic import Call, Diagnostic, FileEdit, Fix, Location, Position, Span, Symbol

ANSWER_S = 30.0
"""How long an answer is waited for, where nothing else is said."""


class LanguageSession(Protocol):
    """A conversation with one language server about one tree.

    What is shown at a path hides the tree's own file from the server, and is nowhere written. A file that is asked about and
    was not shown is seen as the tree has it. Every call raises `ServerSilent` when its time passes, `ServerRefused`
    where the server cannot do it, or the file is no text, and `ServerFailed` when there is no server any more.
    """

    @property
    def server(self) -> str:
        """The server's name."""
        ...

    def show(self, path: RepoPath, data: bytes) -> None:
        """Let the server see `data` at `path`."""
        ...

    def hide(self, path: RepoPath) -> None:
        """Let the server see the tree's own file again."""
        ...

    def wrote(self, paths: Iterable[RepoPath]) -> None:
        """Tell the server that files of the tree itself were made, changed or removed."""
        ...

    def diagnose(self, path: RepoPath, timeout_s: float = ANSWER_S) -> tuple[Diagnostic, ...]:
        """Return what the server finds in a file as it is shown now; never what it found in an earlier text."""
        ...

    def definition(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[Location, ...]:
        """Return where the name at a place is defined."""
        ...

    def references(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[Location, ...]:
        """Return where the name at a place is used, its declaration left out."""
        ...

    def symbols(self, path: RepoPath, timeout_s: float = ANSWER_S) -> tuple[Symbol, ...]:
        """Return what a file declares, outer symbols before those they hold."""
        ...

    def hover(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> str:
        """Return the type of, and what is written about, the name at a place; empty where there is nothing."""
        ...

    def rename(self, path: RepoPath, at: Position, name: str, timeout_s: float = ANSWER_S) -> tuple[FileEdit, ...]:
        """Return the edits that give the name at a place another name everywhere."""
        ...

    def callers(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[Call, ...]:
        """Return the functions that call the one at a place, with the places of the calls."""
        ...

    def callees(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[Call, ...]:
        """Return the functions that the one at a place calls, with the places of the calls."""
        ...

    def completions(self, path: RepoPath, at: Position, timeout_s: float = ANSWER_S) -> tuple[str, ...]:
        """Return the names that could stand at a place, as the server orders them: after a dot, what the thing before it has."""
        ...

    def fixes(self, path: RepoPath, span: Span, timeout_s: float = ANSWER_S) -> tuple[Fix, ...]:
        """Return the quick fixes for what was found in a span; those that only a command of the server makes are left out."""
        ...

    def close(self) -> None:
        """End the server. Safe to call twice."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...
