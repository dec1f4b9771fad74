"""The repair agent: finds small bugs that a failing test shows, by trying small edits at suspicious places. Needs no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agents.agent import NoFix, Proposal, Result, Task, Workspace
from agents.errors import OutOfBudget
from agents.repair.choice import best_first, literals, smells
from agents.repair.diagnosis import Diagnosis, diagnose, expand, wanted, words
from agents.repair.explain import explanation, title
from agents.repair.localise import places
from agents.repair.notes import Diagnosed, Original, Rejected, keep
from agents.repair.one_by_one import OneByOne, patched
from agents.repair.operators import OPERATORS
from agents.repair.past import Past, recall
from agents.repair.rank import likely, ranked
from agents.repair.search import Plausible, Search, Settings
from agents.repair.source import Skipped, read_source
from agents.repair.variants import Module
from shadowfs import RepoPath
from verifier import Ran, SuiteNotStarted, SuiteReport, Trials, TrialsFactory


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
        with self._start(task, workspace) as trials:
            diagnosis = past.diagnosis or diagnose(task, workspace, trials, ids)
            if isinstance(diagnosis, NoFix):
                return diagnosis
            if past.diagnosis is None:
                lines = f"{len(diagnosis.scores):,} suspicious lines, {len(diagnosis.failing)} failing tests"
                keep(workspace, Diagnosed(diagnosis), progress=lines)
            return _Attempt.begin(task, workspace, trials, diagnosis, self.settings).work(past)

    def _start(self, task: Task, workspace: Workspace) -> Trials:
        # One server serves the whole search; only its import is bounded as a run of the suite is.
        limits = replace(workspace.limits, wall_s=workspace.remaining_s())
        try:
            return self.factory.start(workspace.sandbox, task.suite, limits, workspace.limits.wall_s)
        except SuiteNotStarted as error:
            workspace.note(
                "slow", {"why": str(error)[:500]}, progress="no fork server for this suite: one run for each candidate"
            )
            return OneByOne(workspace, {})


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
        cls, task: Task, workspace: Workspace, trials: Trials, diagnosis: Diagnosis, settings: Settings
    ) -> _Attempt:
        modules, skipped = _load(workspace, diagnosis)
        if isinstance(trials, OneByOne):
            trials.encodings.update({path: _encoding(module) for path, module in modules.items()})
        order = ranked(
            places(modules, diagnosis.lines(), words(task, diagnosis)), OPERATORS, likely(diagnosis.messages), task.seed
        )
        return cls(task, workspace, trials, modules, skipped, Search(order, trials, workspace, diagnosis, settings))

    def work(self, past: Past) -> Result:
        """Search, then apply the best plausible patch that a real run confirms. Raises `OutOfBudget` where only time was missing."""
        plausible = self.search.run(past)
        of_tests, of_code = self._literals()
        for choice in best_first(plausible, of_tests, of_code):
            if choice.index in past.rejected:
                continue
            if self._confirmed(choice, past):
                module = self.modules[choice.variant.path]
                smelly = smells(choice, of_tests, of_code)
                paragraph = explanation(module, choice, self.search, smelly)
                return Proposal(self.workspace.change(), title(module, choice), paragraph)
        if self.search.out_of_time:
            raise OutOfBudget(f"the search had no more time: {self._tried(plausible)}")
        return self._no_fix(plausible)

    def _confirmed(self, choice: Plausible, past: Past) -> bool:
        """Write a patch and run the tests for real; take it back where they disagree with its trial."""
        path = choice.variant.path
        module = self.modules[path]
        if path not in past.originals:
            keep(self.workspace, Original(path, module.source.data))
            past.originals[path] = module.source.data
        self.workspace.write(path, patched(path, module.source.data, choice.variant.candidate, _encoding(module)))
        diagnosis = self.search.diagnosis
        passes = _all_pass(self.workspace.test(diagnosis.failing), diagnosis.failing)
        if passes and (diagnosis.whole or not self._breaks(self.workspace.test())):
            return True
        self.workspace.write(path, module.source.data)
        keep(self.workspace, Rejected(choice.index), progress="a plausible patch did not hold in a real run")
        return False

    def _breaks(self, report: SuiteReport) -> bool:
        """Say whether a run of the whole suite shows a failure that is not there without the patch."""
        known = set(self.search.diagnosis.guards)
        bad = report.bad()
        unknown = [test for test in bad if test not in known]
        before = self.trials.baseline(unknown).bad() if unknown else ()
        return report.ran is not Ran.COMPLETED or bool(set(bad) - set(before))

    def _literals(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return the literals that the failing tests write out, and those of the code under repair."""
        files = {test.partition("::")[0] for test in self.search.diagnosis.failing}
        texts = [
            self.workspace.read(path) for path in self.workspace.paths() if path in files or _dotted(path) in files
        ]
        of_tests = frozenset[str]().union(*(literals(text.decode("utf-8", "replace")) for text in texts))
        of_code = frozenset[str]().union(*(literals(each.source.utf8.decode()) for each in self.modules.values()))
        return of_tests, of_code

    def _no_fix(self, plausible: Sequence[Plausible]) -> NoFix:
        why = f"{self._tried(plausible)}; {self.search.why_ended}."
        if self.skipped:
            why += " Left alone: " + "; ".join(f"{each.path} {each.why}" for each in self.skipped[:5]) + "."
        return NoFix(why, "A bug that one small edit repairs, or an agent with a model.")

    def _tried(self, plausible: Sequence[Plausible]) -> str:
        passed = f", {len(plausible)} passed in trials but not in a real run" if plausible else " and none passed"
        return f"{self.search.tried:,} candidates were tried in {len(self.modules)} files{passed}"


def _load(workspace: Workspace, diagnosis: Diagnosis) -> tuple[dict[RepoPath, Module], list[Skipped]]:
    modules: dict[RepoPath, Module] = {}
    skipped: list[Skipped] = []
    for path in dict.fromkeys(path for path, _, _ in diagnosis.scores):
        source = read_source(path, workspace.read(path))
        if isinstance(source, Skipped):
            skipped.append(source)
        else:
            modules[path] = Module.of(source)
    return modules, skipped


def _encoding(module: Module) -> str:
    return "utf-8" if module.source.native else module.source.encoding


def _all_pass(report: SuiteReport, ids: Sequence[str]) -> bool:
    results: Mapping[str, object] = report.by_id()
    return (
        report.ran is Ran.COMPLETED
        and not report.bad()
        and all(test in results for test in expand(ids, report.collected))
    )


def _dotted(path: RepoPath) -> str:
    return path.removesuffix(".py").replace("/", ".")
