"""The verbs of a workspace that language servers answer, the same for every kind of workspace."""

from __future__ import annotations

from shadowfs import RepoPath
from verifier import ANSWER_S, Call, FileEdit, Fix, Inspection, Languages, Location, Position, Span, Symbol


class LanguageVerbs:
    """Asks `languages`, which a workspace has. See `Workspace` for what is promised."""

    __slots__ = ()

    languages: Languages

    def inspect(self, path: RepoPath, timeout_s: float = ANSWER_S) -> Inspection:
        """Return all that is found in a file as it is."""
        return self.languages.inspect(path, timeout_s)

    def definition(self, path: RepoPath, at: Position) -> tuple[Location, ...]:
        """Return where the name at a place is defined."""
        return self.languages.definition(path, at)

    def references(self, path: RepoPath, at: Position) -> tuple[Location, ...]:
        """Return where the name at a place is used."""
        return self.languages.references(path, at)

    def symbols(self, path: RepoPath) -> tuple[Symbol, ...]:
        """Return what a file declares."""
        return self.languages.symbols(path)

    def hover(self, path: RepoPath, at: Position) -> str:
        """Return the type of, and what is written about, the name at a place."""
        return self.languages.hover(path, at)

    def rename(self, path: RepoPath, at: Position, name: str) -> tuple[FileEdit, ...]:
        """Return the edits that give the name at a place another name everywhere."""
        return self.languages.rename(path, at, name)

    def callers(self, path: RepoPath, at: Position) -> tuple[Call, ...]:
        """Return the functions that call the one at a place."""
        return self.languages.callers(path, at)

    def callees(self, path: RepoPath, at: Position) -> tuple[Call, ...]:
        """Return the functions that the one at a place calls."""
        return self.languages.callees(path, at)

    def completions(self, path: RepoPath, span: Span, timeout_s: float = ANSWER_S) -> tuple[str, ...]:
        """Return the names that could stand in place of a span."""
        return self.languages.completions(path, span, timeout_s)

    def fixes(self, path: RepoPath, span: Span, timeout_s: float = ANSWER_S) -> tuple[Fix, ...]:
        """Return the quick fixes for what was found in a span."""
        return self.languages.fixes(path, span, timeout_s)
