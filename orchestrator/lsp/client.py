"""The client: what the editor can be asked and told, whatever speaks to it. Everything that is sent is made printable there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator.lsp.buffers import Buffer
from orchestrator.lsp.edits import Edit
from verifier import Span

FILE, FIX = "nightcrew.file", "nightcrew.fix"
APPLY_HUNK, APPLY_ALL = "nightcrew.applyHunk", "nightcrew.applyAll"
REJECT, SHOW_DIFF = "nightcrew.reject", "nightcrew.showDiff"
TAKE_OVER, TAKE_LOCK = "nightcrew.takeOver", "nightcrew.takeLock"
COMMANDS = (FILE, FIX, APPLY_HUNK, APPLY_ALL, REJECT, SHOW_DIFF, TAKE_OVER, TAKE_LOCK)


@dataclass(frozen=True, slots=True)
class Can:
    """What a client can do."""

    create: bool = False
    """Make files as a part of an edit."""
    delete: bool = False
    show: bool = False
    """Show a document when it is asked to."""
    virtual: bool = False
    """Ask for the text of documents that are no files."""
    progress: bool = False
    refresh: bool = False
    """Ask for code lenses again when it is told to."""
    wait_to_save: bool = False
    """Ask before it saves."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that can be done, with the command that does it."""

    title: str
    command: str
    arguments: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Lens:
    """An act that is offered above a line (from 1)."""

    line: int
    act: Act


@dataclass(frozen=True, slots=True)
class Note:
    """What is told of some lines: `related` are remarks at a span of the same document; `grave` where there are such."""

    span: Span
    text: str
    related: tuple[str, ...] = ()

    @property
    def grave(self) -> bool:
        return bool(self.related)


@dataclass(frozen=True, slots=True)
class Offer:
    """An act that is offered where somebody stands; `diagnostic` is the place of the one it answers among those he sees there."""

    act: Act
    diagnostic: int | None = None


class Progress(Protocol):
    """Something that goes on, as the client shows it."""

    def report(self, text: str) -> None: ...
    def end(self, text: str) -> None: ...


class Client(Protocol):
    """The editor. All of it is for the thread of the protocol."""

    @property
    def can(self) -> Can: ...

    def tell(self, text: str, *, warn: bool = False) -> None:
        """Show a message."""
        ...

    async def ask(self, text: str, choices: Sequence[str]) -> str | None:
        """Show a message with choices; return what was chosen, None where nothing was."""
        ...

    async def make(self, label: str, edits: Sequence[Edit]) -> str:
        """Have edits made in the editor's buffers, all or none; return why they were not, "" where they were."""
        ...

    async def show(self, uri: str) -> bool:
        """Show a document; say whether that was done."""
        ...

    def note(self, buffer: Buffer, notes: Sequence[Note]) -> None:
        """Have notes stand in a document, instead of those that stood there."""
        ...

    def refresh(self) -> None:
        """Have code lenses asked for again."""
        ...

    async def progress(self, title: str, cancel: Callable[[], None]) -> Progress:
        """Show that something goes on; `cancel` is called where somebody wants it to end."""
        ...


class Unseen:
    """The progress of something that nobody sees."""

    def report(self, text: str) -> None:
        """Say nothing."""

    def end(self, text: str) -> None:
        """Say nothing."""
