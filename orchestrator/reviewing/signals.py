"""Signals: what people decided, with what was asked, proposed and judged: one JSON document a line, for learning from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from orchestrator.errors import OrchestratorError
from orchestrator.reporting.documents import decision_document, verdict_document
from shadowfs import ShadowfsError

if TYPE_CHECKING:
    from orchestrator.crew import Crew


def signal_lines(crew: Crew) -> Iterator[str]:
    """Yield a line for each decision: the ticket's text, all candidates with their verdicts, and which version was decided about."""
    for decision in crew.reviews.decisions():
        report = crew.show(decision.ticket)
        candidates = []
        for attempt in report.attempts:
            verdict = report.verdict_on(attempt)
            candidates.append(
                {
                    "attempt": attempt.number,
                    "agent": attempt.agent,
                    "tree": attempt.tree,
                    "title": attempt.title,
                    "diff": _diff(crew, decision.ticket, attempt.number),
                    "verdict": verdict_document(verdict) if verdict else None,
                }
            )
        signal = {"text": report.ticket.order.text, "candidates": candidates, "decision": decision_document(decision)}
        yield json.dumps(signal) + "\n"


def _diff(crew: Crew, ticket: str, attempt: int) -> str | None:
    try:
        return crew.diff(ticket, attempt).decode("utf-8", "replace")
    except (OrchestratorError, ShadowfsError):
        # It has not begun, or its depot was removed.
        return None
