"""Showing: proposals in a document as lenses above the lines they touch, notes on those lines, and offers where somebody stands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from orchestrator.lsp.buffers import Buffer
from orchestrator.lsp.changes import Proposal
from orchestrator.lsp.client import APPLY_ALL, APPLY_HUNK, FILE, FIX, REJECT, SHOW_DIFF, Act, Lens, Note, Offer
from orchestrator.lsp.mapping import Finder, Standing
from orchestrator.lsp.wording import Report
from orchestrator.plain import one_line
from orchestrator.reading import Seen
from shadowfs import RepoPath
from verifier import Position, Span

_FAR = 1 << 31
_TITLE_CHARACTERS = 60
_FILED_LINES = 40
"""Of a selection or a diagnostic: a ticket that quotes more is read by nobody."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A hunk of a proposal, and the lines that it touches in a document now: where it only adds, the one before."""

    proposal: Proposal
    seen: Seen
    first: int
    last: int


def placed(buffer: Buffer, path: RepoPath, proposals: Iterable[Proposal]) -> tuple[Placed, ...]:
    """Return the hunks that have a place in a document."""
    now = buffer.lines()
    found = []
    for proposal in proposals:
        if path not in proposal.files:
            continue
        finder = Finder(proposal.files[path].before, proposal.files[path].after, now)
        for seen in proposal.of(path):
            standing = finder.place(seen.hunk)
            if isinstance(standing, Standing):
                count = len(seen.hunk.before.lines)
                first = standing.first if count else max(1, standing.first - 1)
                found.append(Placed(proposal, seen, first, max(first, standing.first + count - 1)))
    return tuple(found)


def lenses(hunks: Sequence[Placed]) -> Iterator[Lens]:
    """Yield what is offered above the first line that each hunk touches."""
    for each in hunks:
        for act in _acts(each):
            yield Lens(each.first, act)


def _acts(each: Placed) -> Iterator[Act]:
    proposal = each.proposal
    named = f"nightcrew: {one_line(proposal.title, _TITLE_CHARACTERS)} (verified)"
    yield Act(f"{named} - apply hunk", APPLY_HUNK, (proposal.ticket, each.seen.hunk.id))
    if len(proposal.hunks) > 1:
        yield Act(f"apply all {len(proposal.hunks)}", APPLY_ALL, (proposal.ticket,))
    yield Act("reject", REJECT, (proposal.ticket,))
    yield Act("diff", SHOW_DIFF, (proposal.ticket,))


def _named(act: Act, proposal: Proposal) -> Act:
    """Return an act with a title that says whose it is where it stands alone, among those of others."""
    if act.command == APPLY_HUNK:
        return act
    return replace(act, title=f"nightcrew: {act.title} ({one_line(proposal.title, _TITLE_CHARACTERS)})")


def notes(hunks: Sequence[Placed]) -> Iterator[Note]:
    """Yield what is told of the lines that each hunk touches: what is risky about it, besides."""
    for each in hunks:
        title = one_line(each.proposal.title, _TITLE_CHARACTERS)
        text = f"nightcrew has a verified change here: {title} (ticket {each.proposal.ticket})"
        marks = tuple(f"{mark.risk}: {one_line(mark.text, 200)}" for mark in each.seen.marks)
        yield Note(Span(Position(each.first, 0), Position(each.last, _FAR)), text, marks)


def offers(
    uri: str, first: int, last: int, chosen: bool, reports: Sequence[Report], hunks: Sequence[Placed]
) -> Iterator[Offer]:
    """Yield what may be done at the lines `first` to `last` of a document; `chosen` where somebody selected them.

    `reports` are the diagnostics that the editor shows there.
    """
    for each in hunks:
        if each.first <= last and first <= each.last:
            yield from (Offer(_named(act, each.proposal)) for act in _acts(each))
    for at, report in enumerate(reports):
        told = one_line(report.message, _TITLE_CHARACTERS)
        said = {"message": report.message, "source": report.source, "code": report.code, "line": report.line}
        given = {"uri": uri, "first": report.line, "last": report.line, "diagnostics": [said]}
        yield Offer(Act(f"File this as a ticket: {told}", FILE, (given,)), at)
        yield Offer(Act(f"Fix this now: {told}", FIX, (given,)), at)
    if chosen and not reports:
        selected = {"uri": uri, "first": first, "last": min(last, first + _FILED_LINES - 1)}
        yield Offer(Act("File these lines as a ticket", FILE, (selected,)))
        yield Offer(Act("Fix these lines now", FIX, (selected,)))
