"""Answering: what somebody chose of a question's options becomes the attempt's proposal, what they said in words the agent's to go on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.errors import UnknownOption, WrongStatus
from orchestrator.plain import one_line, plain
from orchestrator.records import AttemptRecord, AttemptState, Job

NONE = 0
"""The answer that turns all options down."""
TEXT_CHARACTERS = 8_000
"""How long an answer in words may be."""
_QUESTION_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody said to the question of the attempt `asked`: the number of an option, or words."""

    said: int | str
    asked: AttemptRecord | None

    def given(self, job: Job, attempts: Sequence[AttemptRecord]) -> AttemptRecord:
        """Return the attempt as it is with this answer. Raises `WrongStatus` where something else is asked by now."""
        if asking(attempts) not in (None, self.asked):
            raise WrongStatus(
                f"ticket {job.ticket} asks something else by now: `nightcrew show {job.ticket}`, then answer that"
            )
        return answered(job, attempts, self.said)

    def told(self, record: AttemptRecord) -> Mapping[str, object]:
        """Return what the journal keeps of it."""
        if record.answer is not None:
            return {"option": record.answer, "title": record.title}
        return {"question": self.asked.question if self.asked else "", "text": record.answers[-1]}


def asking(attempts: Sequence[AttemptRecord]) -> AttemptRecord | None:
    """Return the first attempt whose question waits for an answer, None where no one does."""
    return next((record for record in attempts if record.state is AttemptState.ASKED), None)


def question_id(record: AttemptRecord) -> str:
    """Return what tells a question from all others of its ticket."""
    return f"{record.number}.{len(record.asked)}"


def answered(job: Job, attempts: Sequence[AttemptRecord], said: int | str) -> AttemptRecord:
    """Return the attempt that asks as it is with an answer: an option's number (from 1, or `NONE`), or words.

    Raises `WrongStatus`, `UnknownOption`.
    """
    record = asking(attempts)
    if record is None:
        raise WrongStatus(
            f"ticket {job.ticket} {_why_not(attempts)}; it is {job.status}: `nightcrew show {job.ticket}`"
        )
    if record.options:
        return _chosen(job, record, said)
    # The attempt is open again: its agent goes on, and finds the answer in its task.
    words = _words(job, record, said)
    asked, answers = (*record.asked, record.question), (*record.answers, words)
    return replace(record, state=AttemptState.OPEN, asked=asked, answers=answers, question="", choices=())


def exchanges(record: AttemptRecord) -> tuple[str, ...]:
    """Return what somebody was asked in an attempt, and answered, one text each, for those who work on the ticket after it."""
    said = list(zip(record.asked, record.answers, strict=False))
    if record.answer:
        said.append((record.question, record.options[record.answer - 1].shows))
    return tuple(
        f"In attempt {record.number} this was asked about the ticket:\n{question[:_QUESTION_CHARACTERS]}\nThe answer was:\n{answer}"
        for question, answer in said
    )


def _chosen(job: Job, record: AttemptRecord, said: int | str) -> AttemptRecord:
    if said == NONE:
        why = f"none of the {len(record.options)} changes that were offered is wanted"
        return replace(record, state=AttemptState.NO_FIX, answer=NONE, why=why)
    if isinstance(said, str) or not 1 <= said <= len(record.options):
        raise UnknownOption(
            f"the question of ticket {job.ticket} has the options 1 to {len(record.options)}, and `none`; {_shown(said)} is no"
            f" option of it: `nightcrew show {job.ticket}` shows them"
        )
    chosen = record.options[said - 1]
    told = (
        f"{chosen.explanation} {len(record.options)} changes were offered, and somebody chose this one: {chosen.shows}"
    )
    return replace(
        record,
        state=AttemptState.PROPOSED,
        answer=said,
        tree=chosen.tree,
        title=chosen.title,
        explanation=told.strip(),
    )


def _words(job: Job, record: AttemptRecord, said: int | str) -> str:
    if isinstance(said, str):
        words = plain(said).strip()
        if words and len(words) <= TEXT_CHARACTERS:
            return words
        raise UnknownOption(f"an answer in words has 1 to {TEXT_CHARACTERS:,} characters; this one has {len(words):,}")
    if 1 <= said <= len(record.choices):
        return record.choices[said - 1]
    likely = (
        f"the answers 1 to {len(record.choices)}, and takes other words" if record.choices else "words for an answer"
    )
    raise UnknownOption(
        f"the question of ticket {job.ticket} has {likely} (--text TEXT); {_shown(said)} is no answer to it: `nightcrew show"
        f" {job.ticket}` shows it"
    )


def _shown(said: int | str) -> str:
    return "`none`" if said == NONE else str(said) if isinstance(said, int) else repr(one_line(said, 40))


def _why_not(attempts: Sequence[AttemptRecord]) -> str:
    record = next((record for record in reversed(attempts) if record.answer is not None), None)
    if record is None:
        said = next((record.answers[-1] for record in reversed(attempts) if record.answers), None)
        return "asks nothing" if said is None else f"was answered already, with {one_line(said, 72)!r}"
    if record.answer:
        return f"was answered already, with option {record.answer} ({one_line(record.options[record.answer - 1].title, 72)})"
    return "was answered already, with none of the options"
