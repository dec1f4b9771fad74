"""Answering: what somebody chose of a question's options becomes the attempt's proposal. Nothing is searched or guessed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.errors import UnknownOption, WrongStatus
from orchestrator.plain import one_line
from orchestrator.records import AttemptRecord, AttemptState, Job

NONE = 0
"""The answer that turns all options down."""


def asking(attempts: Sequence[AttemptRecord]) -> AttemptRecord | None:
    """Return the first attempt whose question waits for an answer, None where no one does."""
    return next((record for record in attempts if record.state is AttemptState.ASKED), None)


def answered(job: Job, attempts: Sequence[AttemptRecord], option: int) -> AttemptRecord:
    """Return the attempt that asks as it is once `option` (from 1, or `NONE`) is chosen. Raises `WrongStatus`, `UnknownOption`."""
    record = asking(attempts)
    if record is None:
        raise WrongStatus(
            f"ticket {job.ticket} {_why_not(attempts)}; it is {job.status}: `nightcrew show {job.ticket}`"
        )
    if option == NONE:
        why = f"none of the {len(record.options)} changes that were offered is wanted"
        return replace(record, state=AttemptState.NO_FIX, answer=NONE, why=why)
    if not 1 <= option <= len(record.options):
        raise UnknownOption(
            f"the question of ticket {job.ticket} has the options 1 to {len(record.options)}, and `none`; {option} is no"
            f" option of it: `nightcrew show {job.ticket}` shows them"
        )
    chosen = record.options[option - 1]
    told = (
        f"{chosen.explanation} {len(record.options)} changes were offered, and somebody chose this one: {chosen.shows}"
    )
    return replace(
        record,
        state=AttemptState.PROPOSED,
        answer=option,
        tree=chosen.tree,
        title=chosen.title,
        explanation=told.strip(),
    )


def _why_not(attempts: Sequence[AttemptRecord]) -> str:
    record = next((record for record in reversed(attempts) if record.answer is not None), None)
    if record is None:
        return "asks nothing"
    if record.answer:
        return f"was answered already, with option {record.answer} ({one_line(record.options[record.answer - 1].title, 72)})"
    return "was answered already, with none of the options"
