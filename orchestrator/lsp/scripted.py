"""The scripted client: an editor for tests, that answers what its script says and keeps what it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from orchestrator.lsp.buffers import Buffer
from orchestrator.lsp.client import Can, Note, Progress, Unseen
from orchestrator.lsp.edits import Edit


@dataclass(slots=True)
class ScriptedClient:
    """Answers questions from `answers`, refuses edits with `refusal`."""

    can: Can = Can()
    answers: list[str | None] = field(default_factory=list)
    refusal: str = ""
    told: list[str] = field(default_factory=list)
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    made: list[tuple[str, tuple[Edit, ...]]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    notes: dict[str, tuple[Note, ...]] = field(default_factory=dict)
    refreshed: int = 0
    cancels: list[Callable[[], None]] = field(default_factory=list)

    def tell(self, text: str, *, warn: bool = False) -> None:  # noqa: ARG002
        """Keep a message."""
        self.told.append(text)

    async def ask(self, text: str, choices: Sequence[str]) -> str | None:
        """Answer as the script says, with nothing at its end."""
        self.asked.append((text, tuple(choices)))
        return self.answers.pop(0) if self.answers else None

    async def make(self, label: str, edits: Sequence[Edit]) -> str:
        """Keep edits, and refuse them where the script says so."""
        self.made.append((label, tuple(edits)))
        return self.refusal

    async def show(self, uri: str) -> bool:
        """Keep a URI."""
        self.shown.append(uri)
        return self.can.show

    def note(self, buffer: Buffer, notes: Sequence[Note]) -> None:
        """Keep the notes of a document."""
        self.notes[buffer.uri] = tuple(notes)

    def refresh(self) -> None:
        """Count."""
        self.refreshed += 1

    async def progress(self, title: str, cancel: Callable[[], None]) -> Progress:
        """Keep the title as a message, and how to cancel."""
        self.told.append(title)
        self.cancels.append(cancel)
        return Unseen()
