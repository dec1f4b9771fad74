"""The course of a job's attempts: what is tried next, after what became of the attempts before. Pure: planned anew in each life."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from orchestrator.records import AttemptRecord, AttemptState
from orchestrator.roster import hears
from orchestrator.working.answering import NONE, exchanges
from verifier import Status, Verdict

OBJECTIONS = 3
"""How many refused proposals an agent is told of, the latest ones."""
OBJECTION_CHARACTERS = 6_000
_PATCH_CHARACTERS = 2_500
_FACTS = 5
_FACT_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Course:
    """Which agents a job tries, cheapest first, and why each; `attempts` are made in any case and compared.

    Where none of them is verified, whoever was refused goes on with what the ladder said, `rounds` times at most, and then the
    next agent tries.
    """

    agents: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    attempts: int = 1
    rounds: int = 0
    seed: int = 0

    def above(self, agent: str) -> tuple[str, ...]:
        """Return the agents that may still follow one, where attempts are not compared."""
        if agent not in self.agents:
            return self.agents
        return self.agents[self.agents.index(agent) + 1 :]

    def reason(self, agent: str) -> str:
        """Return why an agent stands where it does, "" where there is nothing to say."""
        return dict(zip(self.agents, self.reasons, strict=False)).get(agent, "")


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt that ended, the verdict on its proposal, and what the ladder says against that, "" where it refuses nothing."""

    record: AttemptRecord
    verdict: Verdict | None = None
    objection: str = ""


def settled(tried: Sequence[Tried]) -> bool:
    """Say whether attempts that were judged leave nothing to try: one is verified, or waits for an answer."""
    return any((each.verdict and each.verdict.verified) or each.record.state is AttemptState.ASKED for each in tried)


def following(course: Course, tried: Sequence[Tried]) -> AttemptRecord | None:
    """Return the attempt to make next, told what a person said in those before; None where there is none."""
    record = _following(course, tried)
    heard = (text for each in tried for text in exchanges(each.record))
    return None if record is None else replace(record, heard=tuple(heard))


def _following(course: Course, tried: Sequence[Tried]) -> AttemptRecord | None:
    number, made = len(tried) + 1, sum(each.record.state is not AttemptState.INTERRUPTED for each in tried)
    if made < course.attempts:
        turn, at = divmod(made, len(course.agents))
        return _attempt(course, number, course.agents[at], turn, course.reason(course.agents[at]))
    last = tried[-1]
    # Who turned all options down wants no other change either.
    if settled(tried) or any(each.record.answer == NONE for each in tried):
        return None
    if last.verdict is not None and not last.objection:
        # Nothing was found wrong, and nothing shows it right: no other proposal would fare better.
        return None
    refused = tuple(each.objection for each in tried if each.objection)[-OBJECTIONS:]
    agent = last.record.agent
    if last.objection and hears(agent) and _rounds(course, tried, agent) < course.rounds:
        why = f"the ladder refused attempt {last.record.number}, and it goes on with what was said"
        return _attempt(course, number, agent, last.record.variant + 1, why, refused)
    # Whoever stands lowest of those that were not tried yet.
    fresh = [each for each in course.agents if each not in {one.record.agent for one in tried}]
    if not fresh:
        return None
    became = "was refused by the ladder" if last.objection else "found no fix"
    why = "; ".join(filter(None, (f"attempt {last.record.number} {became}", course.reason(fresh[0]))))
    return _attempt(course, number, fresh[0], 0, why, refused)


def objection(record: AttemptRecord, patch: bytes, verdict: Verdict) -> str:
    """Return what the ladder says against a proposal, for the next attempt: data, and bounded; "" where no rung failed."""
    failed = [rung for rung in verdict.rungs if rung.status is Status.FAIL]
    if not failed:
        return ""
    said = [f"Proposal of attempt {record.number}: {record.title}", record.explanation[:_PATCH_CHARACTERS]]
    said += ["It changed:", patch.decode("utf-8", "replace")[:_PATCH_CHARACTERS], "It was refused:"]
    for rung in failed:
        said.append(f"- by the check {rung.name}: {rung.why[:_FACT_CHARACTERS]}")
        for fact in rung.evidence[:_FACTS]:
            place = f"{fact.path}:{fact.line}: " if fact.path and fact.line else f"{fact.path}: " if fact.path else ""
            said.append(f"  {place}{fact.text[:_FACT_CHARACTERS]}")
    text = "\n".join(said)
    if len(text) <= OBJECTION_CHARACTERS:
        return text
    # What the checks said stands last, and matters most.
    return f"…{text[1 - OBJECTION_CHARACTERS :]}"


def _rounds(course: Course, tried: Sequence[Tried], agent: str) -> int:
    """Return how often an agent went on with what was said."""
    pairs = pairwise(each.record for each in tried)
    return sum(now.number > course.attempts and before.agent == now.agent == agent for before, now in pairs)


def _attempt(
    course: Course, number: int, agent: str, variant: int, reason: str, refused: tuple[str, ...] = ()
) -> AttemptRecord:
    seed = course.seed + number - 1
    return AttemptRecord(number, agent, seed, reason=reason, variant=variant, refused=refused)
