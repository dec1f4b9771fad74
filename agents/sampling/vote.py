"""The vote: how good a candidate that passes looks, by how much asked for it and whether it smells of satisfying the tests alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.repair.choice import literals
from agents.sampling.sample import Sample

_COPIED = 0.4
"""Of a candidate that copies a literal from the tests so much of its weight counts, as the repair agent has it."""


@dataclass(frozen=True, slots=True)
class Vote:
    """Judges samples; `of_tests` are the literals that the failing tests write out, `of_code` those of the code under repair.

    With `by_place` it counts how suspicious a place is, too: where no test says which edit is right.
    """

    of_tests: frozenset[str] = frozenset()
    of_code: frozenset[str] = frozenset()
    by_place: bool = False

    def merit(self, sample: Sample) -> float:
        """Return the weight of a sample, less where it smells."""
        return sample.weight * self._trust(sample) * (sample.place.suspicion if self.by_place else 1.0)

    def smallest_first(self, samples: Sequence[Sample]) -> list[Sample]:
        """Return samples that do the same, the smallest edit first among those that smell alike, then the shortest code."""
        return sorted(samples, key=lambda each: (-self._trust(each), _size(each), len(each.new)))

    def _trust(self, sample: Sample) -> float:
        return _COPIED if literals(sample.new) & self.of_tests - self.of_code else 1.0


def _size(sample: Sample) -> int:
    return sum(edit.end - edit.start + len(edit.text) for edit in sample.candidate.edits)
