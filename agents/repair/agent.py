"""The repair agent: finds small bugs that a failing test shows, by trying small edits at suspicious places. Needs no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.agent import NoFix, Proposal, Question, Result, Task, Workspace
from agents.errors import OutOfBudget
from agents.repair.choice import Taste, literals
from agents.repair.clusters import Clusters, clustered
from agents.repair.confirming import holds
from agents.repair.diagnosis import Diagnosis, diagnose, wanted
from agents.repair.explain import explanation, title
from agents.repair.hints import Hints
from agents.repair.inspection import inspected
from agents.repair.notes import Diagnosed, Hinted, Original, Rejected, keep
from agents.repair.one_by_one import OneByOne, patched, trials_of
from agents.repair.past import Past, recall
from agents.repair.preparing import load, search_over
from agents.repair.question import asked_among
from agents.repair.recent import recent
from agents.repair.search import Plausible, Search, Settings
from agents.repair.source import Skipped
from agents.repair.variants import Module
from shadowfs import RepoPath
from verifier import Trials, TrialsFactory, lies_in

_BEHAVIOUR_CPU_S = 2.0
"""For recording, for the code as it is and for each plausible patch."""


@dataclass(frozen=True, slots=True)
class RepairAgent:
    """Localises by coverage, tries ranked one-place edits in a fork server, and proposes the likeliest one that passes."""

    factory: TrialsFactory
    settings: Settings = Settings()
    name: str = "repair"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Search for an edit that makes the failing tests pass and breaks no other."""
        past = recall(workspace.journal())
        if past.unread:
            workspace.note("unread", {"why": past.unread}, progress=f"part of the journal is ignored: {past.unread[0]}")
        past.restore(workspace)
        ids = wanted(task, workspace) if past.diagnosis is None else past.diagnosis.failing
        if isinstance(ids, NoFix):
            return ids
        with trials_of(self.factory, task, workspace) as trials:
            diagnosis = past.diagnosis or diagnose(task, workspace, trials, ids)
            if isinstance(diagnosis, NoFix):
                return diagnosis
            if past.diagnosis is None:
                lines = f"{len(diagnosis.scores):,} suspicious lines, {len(diagnosis.failing)} failing tests"
                keep(workspace, Diagnosed(diagnosis), progress=lines)
            return _Attempt.begin(task, workspace, trials, diagnosis, self.settings, past).work(past)


@dataclass(slots=True)
class _Attempt:
    """One attempt from its diagnosis on."""

    task: Task
    workspace: Workspace
    trials: Trials
    modules: dict[RepoPath, Module]
    skipped: list[Skipped]
    search: Search

    @classmethod
    def begin(
        cls, task: Task, workspace: Workspace, trials: Trials, diagnosis: Diagnosis, settings: Settings, past: Past
    ) -> _Attempt:
        modules, skipped = load(workspace, diagnosis)
        if isinstance(trials, OneByOne):
            trials.encodings.update({path: _encoding(module) for path, module in modules.items()})
        hints = _hints(workspace, modules, diagnosis, past, settings.hints_s)
        search = search_over(modules, task, workspace, trials, diagnosis, hints, settings)
        return cls(task, workspace, trials, modules, skipped, search)

    def work(self, past: Past) -> Result:
        """Search, then offer the best plausible patch that a real run confirms, or ask. Raises `OutOfBudget` where only time was missing."""
        found = self.search.run(past)
        taste = self._taste()
        clusters = self._clustered([each for each in found if each.index not in past.rejected], taste)
        if self.task.ask and clusters.undecided:
            asked = self._question(clusters, taste, past)
            if asked is not None:
                return asked
        for choice in (member for cluster in clusters.clusters for member in cluster.members):
            if choice.index not in past.rejected and self._confirmed(choice, past):
                return self._proposal(choice, clusters, taste)
        if self.search.out_of_time:
            raise OutOfBudget(f"the search had no more time: {self._tried(found)}")
        return self._no_fix(found)

    def _clustered(self, patches: Sequence[Plausible], taste: Taste) -> Clusters[Plausible]:
        """Compare what patches do; a single one is not compared with anything."""
        ordered, diagnosis = taste.best_first(patches), self.search.diagnosis
        if len(ordered) < 2:
            return clustered(ordered, (), taste)
        candidates = [each.variant.candidate for each in ordered]
        behaviours = self.trials.behaviours(
            candidates, diagnosis.failing, diagnosis.guards, seed=self.task.seed, cpu_s=_BEHAVIOUR_CPU_S
        )
        clusters = clustered(ordered, behaviours, taste)
        data = {
            "inputs": clusters.compared,
            "clusters": [[each.index for each in cluster.members] for cluster in clusters.clusters],
            "weights": [round(cluster.weight, 6) for cluster in clusters.clusters],
        }
        said = f"{len(ordered)} plausible patches, {len(clusters.clusters)} behaviours on {clusters.compared} inputs"
        self.workspace.note("behaviours", data, progress=said)
        return clusters

    def _question(self, clusters: Clusters[Plausible], taste: Taste, past: Past) -> Question | None:
        def offer(choice: Plausible) -> Proposal | None:
            if not self._confirmed(choice, past):
                return None
            proposal = self._proposal(choice, clusters, taste)
            self._undo(choice)
            return proposal

        return asked_among(clusters, offer, self.workspace)

    def _proposal(self, choice: Plausible, clusters: Clusters[Plausible], taste: Taste) -> Proposal:
        """Propose what is written in the workspace."""
        module = self.modules[choice.variant.path]
        paragraph = explanation(module, choice, self.search, clusters, taste.smells(choice))
        return Proposal(self.workspace.change(), title(module, choice), paragraph)

    def _confirmed(self, choice: Plausible, past: Past) -> bool:
        """Write a patch and run the tests for real; take it back where they disagree with its trial."""
        path = choice.variant.path
        module = self.modules[path]
        if path not in past.originals:
            keep(self.workspace, Original(path, module.source.data))
            past.originals[path] = module.source.data
        self.workspace.write(path, patched(path, module.source.data, choice.variant.candidate, _encoding(module)))
        if holds(self.workspace, self.trials, self.search.diagnosis):
            return True
        self._undo(choice)
        past.rejected.append(choice.index)
        keep(self.workspace, Rejected(choice.index), progress="a plausible patch did not hold in a real run")
        return False

    def _undo(self, choice: Plausible) -> None:
        path = choice.variant.path
        self.workspace.write(path, self.modules[path].source.data)

    def _taste(self) -> Taste:
        """Read the literals that the failing tests write out, and those of the code under repair."""
        paths = tuple(self.workspace.paths())
        files = {lies_in(test, self.task.suite, paths) for test in self.search.diagnosis.failing} - {None}
        texts = [self.workspace.read(path) for path in sorted(filter(None, files))]
        of_tests = frozenset[str]().union(*(literals(text.decode("utf-8", "replace")) for text in texts))
        of_code = frozenset[str]().union(*(literals(each.source.utf8.decode()) for each in self.modules.values()))
        return Taste(of_tests, of_code)

    def _no_fix(self, plausible: Sequence[Plausible]) -> NoFix:
        why = f"{self._tried(plausible)}; {self.search.why_ended}."
        if self.skipped:
            why += " Left alone: " + "; ".join(f"{each.path} {each.why}" for each in self.skipped[:5]) + "."
        return NoFix(why, "A bug that one small edit repairs, or an agent with a model.")

    def _tried(self, plausible: Sequence[Plausible]) -> str:
        passed = f", {len(plausible)} passed in trials but not in a real run" if plausible else " and none passed"
        return f"{self.search.tried:,} candidates were tried in {len(self.modules)} files{passed}"


def _hints(
    workspace: Workspace, modules: Mapping[RepoPath, Module], diagnosis: Diagnosis, past: Past, within_s: float
) -> Hints:
    """Return the hints that an earlier life used, if any were, else those to be had now."""
    if past.hints is not None or past.done:
        return past.hints or Hints()
    lines = diagnosis.lines()
    hints = inspected(workspace, modules, lines, within_s) + recent(workspace, modules, lines)
    if hints:
        keep(workspace, Hinted(hints), progress=str(hints))
    return hints


def _encoding(module: Module) -> str:
    return "utf-8" if module.source.native else module.source.encoding
