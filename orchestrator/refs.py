"""Refs: under which names a job's depot keeps the trees that its attempts leave."""

from __future__ import annotations

from orchestrator.records import REVIEW, AttemptRecord, AttemptState


def name_of(ticket: str, attempt: int, option: int = 0) -> str:
    """Return the name of what an attempt left, or of an option (from 1) that it ended with."""
    name = f"jobs/{ticket}/attempt-{attempt}"
    return f"{name}-option-{option}" if option else name


def ref_of(ticket: str, record: AttemptRecord) -> str | None:
    """Return the ref that keeps an attempt's tree; None where none does: while it is open, and of a review, whose tree is the user's."""
    if record.state is AttemptState.OPEN or record.agent.startswith(REVIEW):
        return None
    return f"refs/nightcrew/{name_of(ticket, record.number, record.answer or 0)}"
