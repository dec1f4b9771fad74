"""The repair agent's candidates beside a model's: tried while its replies are waited for, and taken into the same pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agents.agent import Task, Workspace
from agents.repair.diagnosis import Diagnosis
from agents.repair.hints import Hints
from agents.repair.one_by_one import patched
from agents.repair.past import Past
from agents.repair.preparing import load, search_over
from agents.repair.search import Plausible, Search, Settings
from agents.repair.variants import Module
from agents.sampling.place import Place, Span
from agents.sampling.pool import Pool
from agents.sampling.sample import Sample, between
from shadowfs import RepoPath


@dataclass(slots=True)
class Beside:
    """A search of the repair agent, taken a batch at a time; what passes in it goes into the pool."""

    search: Search
    modules: Mapping[RepoPath, Module]
    pool: Pool
    given: int = 0

    @classmethod
    def of(cls, task: Task, workspace: Workspace, diagnosis: Diagnosis, pool: Pool, past: Past) -> Beside:
        """Make the search ready, where an earlier life left it. Language servers are not asked: replies do not wait for them."""
        modules, _ = load(workspace, diagnosis)
        native = {path: module for path, module in modules.items() if module.source.native}
        hints = past.hints or Hints()
        search = search_over(native, task, workspace, pool.trials, diagnosis, hints, Settings())
        search.begin(past)
        beside = cls(search, native, pool)
        beside._give()
        return beside

    @property
    def over(self) -> bool:
        """Say whether there is nothing left to try."""
        return bool(self.search.why_ended)

    def step(self) -> None:
        """Try the next batch."""
        self.search.step()
        self._give()

    def _give(self) -> None:
        """Put what passed since the last time into the pool."""
        for each in self.search.plausible[self.given :]:
            self.pool.believe(self._sample(each))
        self.given = len(self.search.plausible)

    def _sample(self, found: Plausible) -> Sample:
        variant = found.variant
        before = self.modules[variant.path].source.data
        after = patched(variant.path, before, variant.candidate, "utf-8")
        line = Span(variant.line, variant.line)
        place = Place(variant.path, line.first, line.last, "", found.score, (line,))
        return between(place, before.decode(), after.decode(), by_repair=True)
