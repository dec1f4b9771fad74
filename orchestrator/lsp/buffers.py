"""Buffers: the documents that are open in the editor, unsaved edits included. Where one is not open, the file on disk stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.lsp.positions import Encoding, Stretch, from_units
from verifier import Text

MOST_BYTES = 16 << 20
"""A closed file that is larger is not looked at."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One change of a document: `text` in the place of `where`, or of all of it where that is None."""

    text: str
    where: Stretch | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Buffer:
    """A document as it is now. `version` is the editor's number for it, None where it is not open."""

    uri: str
    version: int | None
    text: Text

    def lines(self) -> list[str]:
        """Return its lines without their ends; what follows the last line end, if that is nothing, is no line."""
        lines = self.text.lines()
        return lines if lines[-1] else lines[:-1]

    @property
    def ended(self) -> bool:
        """Say whether its last line has an end."""
        return self.text.text.endswith(("\n", "\r"))

    @property
    def line_end(self) -> str:
        """Return how its first line ends, which new lines get too."""
        line, feed, _ = self.text.text.partition("\n")
        if feed:
            return "\r\n" if line.endswith("\r") else "\n"
        return "\r" if "\r" in line else "\n"


class Buffers:
    """The open documents, by URI. Used by the thread of the protocol alone."""

    def __init__(self, encoding: Encoding = Encoding.UTF16) -> None:
        self.encoding = encoding
        self._open: dict[str, Buffer] = {}

    def open(self, uri: str, version: int, text: str) -> None:
        """Take a document that was opened."""
        self._open[uri] = Buffer(uri, version, Text(text))

    def change(self, uri: str, version: int, changes: Sequence[Changed]) -> None:
        """Make changes, one after the other; those of a document that is not open are passed over."""
        buffer = self._open.get(uri)
        if buffer is None:
            return
        for each in changes:
            buffer = replace(buffer, text=Text(self._after(buffer.text, each)))
        self._open[uri] = replace(buffer, version=version)

    def close(self, uri: str) -> None:
        """Forget a document."""
        self._open.pop(uri, None)

    def opened(self) -> tuple[Buffer, ...]:
        """Return the open documents."""
        return tuple(self._open.values())

    def get(self, uri: str) -> Buffer | None:
        """Return an open document."""
        return self._open.get(uri)

    def _after(self, text: Text, change: Changed) -> str:
        if change.where is None:
            return change.text
        start, end = (text.offset(from_units(text, at, self.encoding)) for at in (change.where.start, change.where.end))
        return text.text[:start] + change.text + text.text[max(start, end) :]


def on_disk(uri: str, file: Path) -> Buffer | None:
    """Return a file that is not open as a document, None where there is none that is text. Raises `OSError`."""
    try:
        if file.is_symlink() or not file.is_file() or file.stat().st_size > MOST_BYTES:
            return None
        return Buffer(uri, None, Text(file.read_bytes().decode("utf-8")))
    except (FileNotFoundError, UnicodeDecodeError):
        return None
