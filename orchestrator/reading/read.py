"""A change, its verdict and its ticket put together as a reading."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.reading.hunks import hunks_of, lines
from orchestrator.reading.marks import marked
from orchestrator.reading.names import Outlines
from orchestrator.reading.order import Known, ordered, with_evidence
from orchestrator.reading.records import Group, Reading
from orchestrator.reading.sameness import mechanical
from orchestrator.reading.tokens import words
from shadowfs import Change
from verifier import Evidence, Verdict


def read(change: Change, verdict: Verdict | None = None, ticket: str = "") -> Reading:
    """Return a change in the order in which it is best read, with what its verdict says of each hunk. `ticket` is the ticket's text."""
    hunks, whole = hunks_of(change)
    files = {path: (lines(change.before(path)), lines(change.after(path))) for path in {each.path for each in hunks}}
    outlines = Outlines()
    named = {each.id: outlines.named(each, *files[each.path]) for each in hunks}
    hunks = [replace(each, within=named[each.id].within) for each in hunks]
    facts = () if verdict is None else (*(fact for rung in verdict.rungs for fact in rung.evidence), *verdict.beside)
    known = Known(named, mechanical(hunks, files), facts, frozenset(words([ticket])))
    groups = with_evidence(ordered(hunks, known), facts)
    marks, left_out = marked([each for group in groups for each in group.hunks], files, facts)
    return Reading(
        tuple(
            replace(group, hunks=tuple(replace(each, marks=marks.get(each.hunk.id, ())) for each in group.hunks))
            for group in groups
        ),
        tuple(whole),
        tuple(fact for fact in facts if not _shown(fact, groups)),
        left_out,
    )


def _shown(fact: Evidence, groups: list[Group]) -> bool:
    return any(fact in each.evidence for group in groups for each in group.hunks)
