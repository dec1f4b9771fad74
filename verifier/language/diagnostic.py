"""What a language server says of a text: findings, places, symbols, edits. Lines count from 1, columns from 0, in characters.

Servers count columns in units of UTF-8, UTF-16 or UTF-32; that ends at the session, and nothing here knows of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from shadowfs import RepoPath


class Severity(IntEnum):
    """How bad a finding is; the lower the worse."""

    ERROR = 1
    WARNING = 2
    INFORMATION = 3
    HINT = 4


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text: line from 1, column from 0, in characters (as Python's `ast` counts, though not in bytes)."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From a position up to another, which is not included."""

    start: Position
    end: Position

    def touches(self, other: Span) -> bool:
        """Say whether two spans share a character, or meet."""
        return self.start <= other.end and other.start <= self.end


@dataclass(frozen=True, slots=True)
class Location:
    """A span of a file: `path` is relative to the repository, or absolute for a file outside of it.

    Columns in a file outside the repository are the server's units.
    """

    path: RepoPath
    span: Span


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A finding in a file: where, how bad, its code (`F821`, empty where it has none), who says it and what."""

    path: RepoPath
    span: Span
    severity: Severity
    message: str
    code: str = ""
    source: str = ""

    def __str__(self) -> str:
        code = f" [{self.code}]" if self.code else ""
        return f"{self.path}:{self.span.start.line}: {self.severity.name.lower()}{code}: {self.message}"


@dataclass(frozen=True, slots=True)
class Symbol:
    """A named thing a file declares: `kind` as the protocol words it (`function`, `class` …), `container` its outer symbol's name."""

    name: str
    kind: str
    location: Location
    container: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call to or from a function: the other function, and where in the caller's file the calls stand."""

    symbol: Symbol
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class TextEdit:
    """Replace the text of `span` with `text`."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class FileEdit:
    """Edits of one file, whose spans do not overlap and all refer to the text before any of them."""

    path: RepoPath
    edits: tuple[TextEdit, ...]


@dataclass(frozen=True, slots=True)
class Fix:
    """A quick fix that a server offers: its title, and the edits it makes; `preferred` where the server says that it is the one."""

    title: str
    edits: tuple[FileEdit, ...]
    preferred: bool = False
