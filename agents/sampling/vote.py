"""The vote: of the candidates that pass, those that do the same count together, and each by how many replies asked for it."""

from __future__ import annotations

from collections.abc import Sequence

from agents.sampling.sample import Sample
from verifier import Behaviour


def ranked(samples: Sequence[Sample], behaviours: Sequence[Behaviour]) -> list[Sample]:
    """Return candidates that pass, the best first: of the behaviour that most replies asked for the smallest edit, then the others."""
    groups: list[list[int]] = []
    for each in range(len(samples)):
        same = next((group for group in groups if _alike(behaviours, each, group[0])), None)
        if same is None:
            groups.append([each])
        else:
            same.append(each)
    groups.sort(key=lambda group: (-sum(samples[each].votes for each in group), min(group)))
    return [samples[each] for group in groups for each in sorted(group, key=lambda at: (_size(samples[at]), at))]


def _alike(behaviours: Sequence[Behaviour], one: int, other: int) -> bool:
    pairs = [(each.outcomes[one], each.outcomes[other]) for each in behaviours]
    compared = [pair for pair in pairs if all(pair)]
    return bool(compared) and all(first == second for first, second in compared)


def _size(sample: Sample) -> int:
    return sum(edit.end - edit.start + len(edit.text) for edit in sample.candidate.edits)
