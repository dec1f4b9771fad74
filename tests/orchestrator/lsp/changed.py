"""Changes between two texts, as proposals have them, without a store."""

from __future__ import annotations

from orchestrator.lsp.buffers import Buffer
from orchestrator.lsp.changes import Proposal, Sides
from orchestrator.reading import Hunk, Mark, Risk, Role, Seen
from orchestrator.reading.hunks import between, lines
from verifier import Text, apply_edits

PATH = "sums.py"
URI = "file:///repository/sums.py"


def hunks(before: str, after: str) -> list[Hunk]:
    """Return the hunks between two texts."""
    return list(between(PATH, lines(before.encode()), lines(after.encode())))


def sides(before: str | None, after: str | None) -> Sides:
    """Return both sides of a file; None is no file."""
    kind = "added" if before is None else "deleted" if after is None else "modified"
    texts = [(text or "").encode() for text in (before, after)]
    return Sides(kind, lines(texts[0]), lines(texts[1]), texts[1].endswith(b"\n"))


def proposal(before: str | None, after: str | None, *marks: str, ticket: str = "261122-abc") -> Proposal:
    """Return a proposal of one file."""
    found = tuple(Mark(Risk.SIGNATURE, text, 1) for text in marks)
    seen = tuple(Seen(hunk, Role.CAUSE, marks=found) for hunk in hunks(before or "", after or ""))
    return Proposal(ticket, "tree", "Count all numbers", seen, {PATH: sides(before, after)})


def buffer(text: str, version: int = 3) -> Buffer:
    """Return an open document."""
    return Buffer(URI, version, Text(text))


def edited(document: Buffer, edits: object) -> str:
    """Return the text of a document once its edits were made."""
    return apply_edits(document.text.text, edits)  # type: ignore[arg-type]  # as they come
