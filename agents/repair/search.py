"""The search: candidates in ranked order, in batches, against the failing tests and then against the guards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from agents.agent import Workspace
from agents.repair.diagnosis import Diagnosis
from agents.repair.notes import Batch, keep
from agents.repair.past import Past
from agents.repair.variants import Variant
from verifier import Ending, Trials


@dataclass(frozen=True, slots=True)
class Plausible:
    """A variant that passes the failing tests and breaks no guard; `index` is its place in the ranked order."""

    variant: Variant
    index: int
    score: float


@dataclass(frozen=True, slots=True)
class Settings:
    """How far to search. What a search goes by is counted, but for two times, so that a run repeats under its seed."""

    batch: int = 48
    most_candidates: int = 30_000
    most_plausible: int = 8
    """Stop at so many plausible patches."""
    further: float = 0.25
    """After the first plausible one go on for this share of the candidates it took …"""
    further_at_least: int = 120
    """… and for at least so many: others that pass lie within them more often than not, and they cost a second or less."""
    hints_s: float = 10.0
    """So long are language servers asked before the search; what they said is journaled."""
    reserve_share: float = 0.15
    """Share of the seconds left at the start that is kept for applying and testing the choice."""


@dataclass(slots=True)
class Search:
    """One search over the ranked variants of an attempt. `tried` counts candidates, those of an earlier life too."""

    ranked: Iterator[tuple[float, Variant]]
    trials: Trials
    workspace: Workspace
    diagnosis: Diagnosis
    settings: Settings = Settings()
    plausible: list[Plausible] = field(default_factory=list)
    tried: int = 0
    why_ended: str = ""
    out_of_time: bool = False
    _reserve_s: float = 0.0

    def run(self, past: Past) -> list[Plausible]:
        """Search until there are enough plausible patches, no candidates, or no time. Goes on after `past`."""
        self.begin(past)
        while not self.why_ended:
            self.step()
        return self.plausible

    def begin(self, past: Past) -> None:
        """Go to where `past` ended."""
        self._skip(past)
        self._reserve_s = self.workspace.remaining_s() * self.settings.reserve_share

    def step(self) -> None:
        """Try the next batch, and say in `why_ended` where it was the last."""
        batch = list(islice(self.ranked, min(self.settings.batch, max(1, self._left()))))
        if not batch:
            self.why_ended = "every candidate was tried"
            return
        self._try(batch)
        self.why_ended = self._enough(self._reserve_s)

    def _skip(self, past: Past) -> None:
        known = set(past.plausible)
        for index, (score, variant) in enumerate(islice(self.ranked, past.done)):
            if index in known:
                self.plausible.append(Plausible(variant, index, score))
        self.tried = past.done
        if past.done:
            self.why_ended = self._enough(0.0)

    def _left(self) -> int:
        return self._goal() - self.tried

    def _goal(self) -> int:
        if not self.plausible:
            return self.settings.most_candidates
        first = self.plausible[0].index
        return min(
            self.settings.most_candidates,
            first + max(self.settings.further_at_least, int(first * self.settings.further)),
        )

    def _enough(self, reserve_s: float) -> str:
        if len(self.plausible) >= self.settings.most_plausible:
            return f"{len(self.plausible)} plausible patches were enough"
        if self.tried >= self._goal():
            return "the search went far enough" if self.plausible else f"{self.tried:,} candidates were the limit"
        self.out_of_time = self.workspace.remaining_s() <= reserve_s
        return "the time was used up" if self.out_of_time else ""

    def _try(self, batch: Sequence[tuple[float, Variant]]) -> None:
        cpu_s = min(30.0, 0.2 + 8.0 * self.diagnosis.seconds)
        trials = self.trials.run((variant.candidate for _, variant in batch), self.diagnosis.failing, cpu_s=cpu_s)
        survivors = [at for at, trial in enumerate(trials) if trial.ending is Ending.PASSED]
        if survivors and self.diagnosis.guards:
            guard_s = min(300.0, 5.0 + 4.0 * self.diagnosis.guard_seconds)
            candidates = [batch[at][1].candidate for at in survivors]
            judged = self.trials.run(candidates, self.diagnosis.guards, cpu_s=guard_s)
            survivors = [at for at, trial in zip(survivors, judged, strict=True) if trial.ending is Ending.PASSED]
        found = [Plausible(batch[at][1], self.tried + at, batch[at][0]) for at in survivors]
        self.plausible += found
        self.tried += len(batch)
        keep(self.workspace, Batch(self.tried, tuple(each.index for each in found)), progress=self._progress())

    def _progress(self) -> str:
        return f"{self.tried:,} candidates, {len(self.plausible)} plausible"
