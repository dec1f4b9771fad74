"""The account of a migration in words: what was changed like which example, what was left out and why, what is unlike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.migration.places import Other, Place
from agents.migration.rule import Learnt
from agents.wording import plain
from shadowfs import Example

MOST_TOLD = 40
"""Of places of one sort; the journal has all of them."""


@dataclass(frozen=True, slots=True)
class Account:
    """What came of the places found."""

    examples: Sequence[Example]
    learnt: Learnt
    changed: Sequence[Place] = ()
    left_out: Sequence[Other] = ()
    unlike: Sequence[Other] = ()
    notes: Sequence[str] = field(default=())

    def title(self) -> str:
        """Return one line that says what is done."""
        rule = Counter(str(place.rule) for place in self.changed).most_common(1)
        return plain(f"Migrate the rest: {rule[0][0]}" if rule else "Migrate the rest like the examples")[:72]

    def text(self) -> str:
        """Return the whole account."""
        files = len({place.path for place in self.changed})
        parts = [f"{_count(self.changed, 'place')} in {_number(files, 'file')} changed as {self._named()} did."]
        for rule in self.learnt.rules:
            mine = [place for place in self.changed if place.rule is rule]
            if mine:
                parts.append(f"- {len(mine)} of them: {rule} (like {rule.seen[0]})")
        parts += self._others()
        return plain("\n".join(parts))

    def why_nothing(self) -> str:
        """Return why nothing is proposed."""
        if self.learnt.contradictions:
            return plain("The examples contradict each other: " + "; ".join(self.learnt.contradictions[:MOST_TOLD]))
        if not self.learnt.rules:
            told = "; ".join(self.learnt.refused[:MOST_TOLD]) or "they change nothing"
            return plain(f"The examples show nothing that could be done elsewhere: {told}.")
        rules = "; ".join(str(rule) for rule in self.learnt.rules[:MOST_TOLD])
        return plain("\n".join([f"No place is left to change as {self._named()} did ({rules}).", *self._others()]))

    def _others(self) -> list[str]:
        parts = _listed("Left out", self.left_out)
        parts += _listed("Unlike the examples, and not changed", self.unlike)
        if self.learnt.refused:
            parts.append("Nothing was learnt from: " + "; ".join(self.learnt.refused[:MOST_TOLD]) + ".")
        return [*parts, *self.notes]

    def _named(self) -> str:
        return " and ".join(example.name for example in self.examples)


def _listed(heading: str, others: Sequence[Other]) -> list[str]:
    if not others:
        return []
    lines = [f"{heading} ({len(others)}):"]
    lines += [f"- {other.path}:{other.line} `{other.text}`: {other.why}" for other in others[:MOST_TOLD]]
    if len(others) > MOST_TOLD:
        lines.append(f"- and {len(others) - MOST_TOLD} more")
    return lines


def _count(items: Sequence[object], noun: str) -> str:
    return _number(len(items), noun)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
