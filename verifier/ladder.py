"""The ladder: the rungs in order, cheap to dear, and the verdict they make together."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from verifier.evidence import beside
from verifier.measure import Measure
from verifier.observation import Observer
from verifier.rungs import Applies, Diagnostics, Exercised, Reproduce, SuiteHolds, Tamper
from verifier.suite import Runner
from verifier.verdict import Case, Rung, RungResult, Status, Verdict

RungFactory = Callable[[Measure], Rung]
Watch = Callable[[str, RungResult | None], None]

LADDER: tuple[RungFactory, ...] = (Applies, Tamper, Diagnostics, Reproduce, SuiteHolds)
"""The rungs of a full ladder."""

STOPS = frozenset({"applies", "reproduce"})
"""Rungs whose failure makes the later ones meaningless."""


class Ladder:
    """Judges changes with `rungs`, in their order. It keeps nothing between two cases: a verdict can always be made anew.

    With an `observer` the verdict has evidence beside the change's lines, gathered when all is judged.
    """

    def __init__(
        self,
        runner: Runner,
        rungs: Sequence[RungFactory] = LADDER,
        *,
        stops: Collection[str] = STOPS,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runner = runner
        self._rungs = tuple(rungs)
        self._stops = frozenset(stops)
        self._observer = observer
        self._clock = clock

    def judge(self, case: Case, watch: Watch | None = None) -> Verdict:
        """Judge `case`; `watch` is told each rung's name when it starts (with None) and when it ends (with its result).

        Raises `OutOfTime` when the case's time ends before the verdict is there: there is none then, not a part of one.
        """
        measure = Measure(self._runner, case)
        results: list[RungResult] = []
        stopped: RungResult | None = None
        more: tuple[RungFactory, ...] = (Exercised,) if case.keeps else ()
        for factory in (*self._rungs, *more):
            rung = factory(measure)
            if watch is not None:
                watch(rung.name, None)
            result = self._result(rung, case, stopped)
            results.append(result)
            if watch is not None:
                watch(rung.name, result)
            if stopped is None and result.status is Status.FAIL and rung.name in self._stops:
                stopped = result
        seen = () if self._observer is None or stopped else beside(self._observer, measure, case)
        return Verdict(case.change.base, case.change.tree, tuple(results), seen)

    def _result(self, rung: Rung, case: Case, stopped: RungResult | None) -> RungResult:
        if stopped is not None:
            return RungResult(rung.name, Status.SKIP, f"Not tried, because `{stopped.name}` failed.")
        started = self._clock()
        return replace(rung.judge(case), seconds=self._clock() - started)
