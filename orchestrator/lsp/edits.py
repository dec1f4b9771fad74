"""Edits: hunks, where they stand now, as edits of documents. Pure: nothing here writes a file, the editor makes the edits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from orchestrator.lsp.buffers import Buffer
from orchestrator.lsp.changes import Proposal, Sides
from orchestrator.lsp.mapping import Astray, Finder, Standing, bare
from orchestrator.reading import Hunk
from shadowfs import RepoPath
from verifier import Position, Span, TextEdit

_FAR = 1 << 31


@dataclass(frozen=True, slots=True, eq=False)
class Edited:
    """Edits of one document as it is in `buffer`; they do not overlap."""

    buffer: Buffer
    edits: tuple[TextEdit, ...]


@dataclass(frozen=True, slots=True)
class Created:
    """A file that is made, with a text."""

    uri: str
    text: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """A file that is removed."""

    uri: str


Edit = Edited | Created | Deleted


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be edited, and why not all: a reason for each file or hunk that is not. `done` are those that are there already."""

    edits: tuple[Edit, ...]
    left: tuple[str, ...] = ()
    done: tuple[str, ...] = ()


Look = Callable[[RepoPath], tuple[str, Buffer | None]]
"""Returns the URI of a file, and the document that stands for it now: None where there is no file, or none that is text."""


def planned(proposal: Proposal, hunks: Iterable[Hunk], look: Look) -> Plan:
    """Say how hunks of a proposal are put into documents as they are now."""
    by_path: dict[RepoPath, list[Hunk]] = {}
    for hunk in hunks:
        by_path.setdefault(hunk.path, []).append(hunk)
    plans = []
    for path, wanted in by_path.items():
        uri, buffer = look(path)
        plans.append(_of_file(path, proposal.files[path], wanted, uri, buffer))
    return Plan(
        tuple(edit for plan in plans for edit in plan.edits),
        tuple(why for plan in plans for why in plan.left),
        tuple(why for plan in plans for why in plan.done),
    )


def _of_file(path: RepoPath, sides: Sides, hunks: Sequence[Hunk], uri: str, buffer: Buffer | None) -> Plan:
    if sides.kind == "added" and buffer is None:
        end = "\n" if sides.ended else ""
        text = "\n".join(sides.after) + end
        odd = "\ufffd" in text
        return Plan((), (f"{path}: it is no UTF-8",)) if odd else Plan((Created(uri, text),))
    if buffer is None:
        return Plan((), (f"{path}: there is no such file by now, or it is no text",))
    now = buffer.lines()
    if sides.kind == "deleted":
        if now != [*map(bare, sides.before)]:
            return Plan((), (f"{path}: it was changed since the ticket was pinned, and would be deleted",))
        return Plan((Deleted(uri),))
    finder = Finder(sides.before, sides.after, now)
    edits: list[TextEdit] = []
    astray: dict[bool, list[str]] = {True: [], False: []}
    for hunk in sorted(hunks, key=lambda each: each.before.first):
        found = finder.place(hunk)
        if isinstance(found, Astray):
            astray[found.done].append(f"{path}, line {hunk.before.first}: {found.why}")
        else:
            edits.append(edit_of(buffer, hunk, found, sides))
    if any(one.span.end > other.span.start for one, other in pairwise(edits)):
        return Plan((), (f"{path}: its hunks stand in another order by now",))
    return Plan((Edited(buffer, tuple(edits)),) if edits else (), tuple(astray[False]), tuple(astray[True]))


def edit_of(buffer: Buffer, hunk: Hunk, standing: Standing, sides: Sides) -> TextEdit:
    """Return the edit that puts a hunk's after side where its before side stands; new lines end as the document's do."""
    end, first, count = buffer.line_end, standing.first, len(hunk.before.lines)
    after = [bare(line) for line in hunk.after.lines]
    if first + count <= len(buffer.lines()):
        return TextEdit(Span(Position(first, 0), Position(first + count, 0)), "".join(f"{line}{end}" for line in after))
    return _at_the_end(buffer, first, after, end if _is_ended(buffer, hunk, sides) else "")


def _is_ended(buffer: Buffer, hunk: Hunk, sides: Sides) -> bool:
    """Say whether the last line is to have an end: as the proposal has it where the hunk is its end, else as the document has it."""
    is_end = hunk.before.last >= len(sides.before) and hunk.after.last >= len(sides.after)
    return sides.ended if is_end and sides.after else buffer.ended


def _at_the_end(buffer: Buffer, first: int, after: Sequence[str], tail: str) -> TextEdit:
    """Return the edit of everything from the line `first` on."""
    text, end = buffer.text, buffer.line_end
    stop = text.position(len(text.text))
    start, body = Position(first, 0), end.join(after) + tail
    if not after:
        # Without a line of its own left to end, the line before it gives its end up, or keeps it.
        start = start if tail or first == 1 else Position(first - 1, _FAR)
        body = ""
    elif first > len(buffer.lines()) and not buffer.ended and buffer.lines():
        start, body = stop, end + body
    return TextEdit(Span(min(text.position(text.offset(start)), stop), stop), body)
