"""Telling flaky tests apart: those that got worse run again, alone and in the suite's order, on both trees.

A test whose result flips on the base says nothing about the change; one that is bad each time, alone or in order, does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verifier.measure import Measure
from verifier.rungs.comparison import Difference, Kind
from verifier.selection import lies_in
from verifier.suite import SuiteReport
from verifier.verdict import Case

_RUN_AGAIN = 50
"""Where more tests than this got worse, the others are taken at their word."""


@dataclass(frozen=True, slots=True)
class Flake:
    """A test that got worse, and why that is not held against the change."""

    test: str
    why: str


def tell_apart(
    measure: Measure, case: Case, found: Sequence[Difference], before: SuiteReport
) -> tuple[tuple[Difference, ...], tuple[Flake, ...]]:
    """Return which of the differences hold, and which are flakes. `before` is the whole run on the base."""
    real: list[Difference] = []
    flakes: list[Flake] = []
    alone = [difference.test for difference in found[:_RUN_AGAIN] if difference.comparable]
    for number, difference in enumerate(found):
        why = ""
        if number < _RUN_AGAIN and difference.kind is Kind.GONE:
            why = _excuse_gone(measure, case, difference)
        elif number < _RUN_AGAIN and difference.comparable:
            why = _excuse(measure, case, difference, alone, difference.good(before) is not None)
        if why:
            flakes.append(Flake(difference.test, why))
        else:
            real.append(difference)
    return tuple(real), tuple(flakes)


def _excuse_gone(measure: Measure, case: Case, difference: Difference) -> str:
    if lies_in(difference.test, case.suite, case.change.paths()) is not None:
        return ""  # The change touches its file: nothing to wonder about.
    if difference.good(measure.report(case.change.base, nth=1)):
        return ""
    return "its id differs from run to run on the base"


def _excuse(measure: Measure, case: Case, difference: Difference, ids: Sequence[str], reached: bool) -> str:
    """Return why a difference is a flake, "" where it holds. `reached` says whether the base's whole run got to the test."""
    trees = (case.change.base, case.change.tree)
    base, tree = (
        [difference.good(measure.report(at, ids, nth)) is True for nth in range(case.repeats)] for at in trees
    )
    if any(base) and not all(base):
        return f"it flips on the base too: alone it was good in {sum(base)} of {len(base)} runs there"
    if not any(base) and not reached:
        return "it fails on the base too, where the whole run did not reach it"
    if all(base) and not any(tree):
        return ""
    base_again, tree_again = (difference.good(measure.report(at, nth=1)) for at in trees)
    if base_again is False:
        return "it flips on the base too: good in one whole run there, bad in another"
    bad = 1 + sum(not run for run in tree)
    if tree_again is not True or (all(base) and 2 * bad >= len(tree) + 2):
        # Bad in every whole run is bad, however it does alone; so is bad in half of all runs.
        return ""
    return f"with the change it was bad in {bad} of {len(tree) + 2} runs only, of which one in two whole runs"
