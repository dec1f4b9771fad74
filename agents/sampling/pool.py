"""The pool: the candidates of an attempt, wherever they come from, each tried once in the fork server."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from agents.repair.clusters import Clusters, Judge, clustered
from agents.repair.diagnosis import Diagnosis
from agents.sampling.place import Place
from agents.sampling.sample import Sample
from verifier import Behaviour, Candidate, Ending, Trial, Trials

_BEHAVIOUR_CPU_S = 2.0
_SHOWN = 200
_LIKELIEST = 20
"""So many of the edits that pass are compared where no test fails."""


@dataclass(slots=True)
class Pool:
    """Candidates by what they do: `passing` make the failing tests, if any, pass and break no guard; what others did is told by place.

    What was `refused` before (a patch and why, each) is not tried again.
    """

    trials: Trials
    diagnosis: Diagnosis
    seed: int
    refused: tuple[str, ...] = ()
    known: dict[Candidate, Sample] = field(default_factory=dict)
    passing: dict[Candidate, None] = field(default_factory=dict)
    failures: defaultdict[Place, list[str]] = field(default_factory=lambda: defaultdict(list))

    def take(self, samples: Iterable[Sample]) -> int:
        """Add weights up, try what is new, and return how many of it passes."""
        new: dict[Candidate, Sample] = {}
        for each in samples:
            if self._count(each) and not any(_same(each, text) for text in self.refused):
                new[each.candidate] = each
        trials = self._tried(list(new))
        for trial in trials:
            if trial.ending is Ending.PASSED:
                self.passing[trial.candidate] = None
            else:
                self._remember(new[trial.candidate], trial)
        return sum(trial.ending is Ending.PASSED for trial in trials)

    def believe(self, sample: Sample) -> None:
        """Take in a candidate that was tried elsewhere against the same tests, and passed."""
        self._count(sample)
        if not any(_same(sample, text) for text in self.refused):
            self.passing[sample.candidate] = None

    def clusters(self, judge: Judge[Sample]) -> Clusters[Sample]:
        """Return the candidates that pass, those that do the same side by side together, the heaviest cluster first."""
        samples = [self.known[each] for each in self.passing]
        if not self.diagnosis.failing:
            # Almost anything passes then.
            samples = sorted(samples, key=lambda each: -judge.merit(each))[:_LIKELIEST]
        return clustered(samples, self._behaviours(samples), judge)

    def reject(self, candidate: Candidate) -> None:
        """Take a candidate out that a real run did not confirm."""
        self.passing.pop(candidate, None)

    def _count(self, sample: Sample) -> bool:
        """Add a sample's weight to its candidate's, and say whether it is the first."""
        seen = self.known.setdefault(sample.candidate, sample)
        if seen is sample:
            return True
        weight, by_repair = seen.weight + sample.weight, seen.by_repair or sample.by_repair
        self.known[sample.candidate] = replace(seen, weight=weight, by_repair=by_repair)
        return False

    def _tried(self, candidates: Sequence[Candidate]) -> list[Trial]:
        limit_s = min(30.0, 1.0 + 8.0 * self.diagnosis.seconds)
        guard_s = min(300.0, 5.0 + 4.0 * self.diagnosis.guard_seconds)
        trials: dict[Candidate, Trial] = {}
        good = candidates
        for tests, cpu_s in ((self.diagnosis.failing, limit_s), (self.diagnosis.guards, guard_s)):
            if tests and good:
                trials |= {each.candidate: each for each in self.trials.run(good, tests, cpu_s=cpu_s)}
                good = [each.candidate for each in trials.values() if each.ending is Ending.PASSED]
        return list(trials.values())

    def _remember(self, sample: Sample, trial: Trial) -> None:
        test = (*trial.failed, *self.diagnosis.failing, *self.diagnosis.guards)[0]
        why = f"{test} fails: {trial.message[:_SHOWN] or trial.ending}"
        self.failures[sample.place].append(f"{sample.new.strip()[:_SHOWN] or '(nothing)'}\n-> {why}")

    def _behaviours(self, samples: Sequence[Sample]) -> Sequence[Behaviour]:
        """Return what candidates do on the tests' inputs and mutations of them; a single one that makes failing tests pass is compared with nothing."""
        if len(samples) < (2 if self.diagnosis.failing else 1):
            return ()
        return self.trials.behaviours(
            [each.candidate for each in samples],
            self.diagnosis.failing,
            self.diagnosis.guards,
            seed=self.seed,
            cpu_s=_BEHAVIOUR_CPU_S,
        )


def _same(sample: Sample, refused: str) -> bool:
    """Say whether a refused patch takes away and puts in the lines that a sample does."""
    lines = set(refused.splitlines())
    taken, put = set(sample.old.splitlines()), set(sample.new.splitlines())
    wanted = {f"-{line}" for line in taken - put} | {f"+{line}" for line in put - taken}
    return bool(wanted) and wanted <= lines
