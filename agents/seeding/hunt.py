"""Seeding: draws bugs, tries each in the fork server against the tests that execute it, and keeps those that a test notices."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agents.patch import patch
from agents.repair.diagnosis import is_test
from agents.repair.index import Function
from agents.repair.source import Skipped, Source, read_source
from agents.repair.variants import Module
from agents.seeding.draw import Bug, Draw, header_lines, inner
from agents.seeding.harvest import Harvest, Seeded
from shadowfs import RepoPath
from verifier import Candidate, Ending, Outcome, OutOfTime, ProtocolBroken, TestResult, Trial, Trials

NOTHING = Candidate(())
"""The program as it is: a test that fails on this one after others have run proves nothing."""

_TRACING_SHARE = 0.25
_SKIPPED_NOW = "skipped now"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many bugs are wanted, under which seed, and how many may be tried for each of them."""

    count: int = 10
    seed: int = 0
    tries_each: int = 12


def seed_bugs(
    trials: Trials,
    files: Mapping[RepoPath, bytes],
    wanted: Wanted = Wanted(),
    remaining_s: Callable[[], float] = lambda: 3600.0,
    progress: Callable[[str], None] = lambda _: None,
) -> Harvest:
    """Return bugs in `files` that the suite of `trials` kills, and those that it does not notice.

    Test modules among the files are left alone. The same files, suite and seed give the same bugs, unless the time that
    `remaining_s` tells of runs out, which the harvest then says.
    """
    modules, skipped = _read(files)
    progress(f"running {len(trials.collected):,} tests as they are")
    passing = [test for test in trials.baseline().tests if test.outcome is Outcome.PASSED]
    progress(f"looking at what {len(passing):,} tests execute")
    reach = Reach.of(trials, passing, remaining_s() * _TRACING_SHARE)
    hunt = Hunt(trials, Draw(modules, reach.lines(), wanted.seed), reach, wanted, remaining_s, progress)
    why = "no test passes, so nothing would notice a bug" if not passing else hunt.run()
    places = [(module, block) for module in modules for block in inner(module)]
    return Harvest(
        seeded=tuple(hunt.seeded),
        survivors=tuple(hunt.survivors),
        hung=hunt.left_out["hung"],
        died=hunt.left_out["died"],
        unsteady=hunt.left_out["unsteady"],
        obvious=hunt.left_out["obvious"],
        tests=len(passing),
        traced=len(passing) - len(reach.untraced),
        statements=len(places),
        executed=sum(hunt.draw.runs(*place) for place in places),
        skipped=tuple(f"{each.path} {each.why}" for each in skipped),
        why_ended=why,
    )


def _read(files: Mapping[RepoPath, bytes]) -> tuple[list[Module], list[Skipped]]:
    sources = [read_source(path, data) for path, data in sorted(files.items()) if not is_test(path)]
    modules = [Module.of(source) for source in sources if isinstance(source, Source)]
    return modules, [source for source in sources if isinstance(source, Skipped)]


@dataclass(frozen=True, slots=True)
class Reach:
    """Which tests execute which lines, the tests that execute least first; `untraced` ones may execute any. `seconds` is what each took."""

    tests: Mapping[RepoPath, Mapping[int, tuple[str, ...]]]
    untraced: tuple[str, ...]
    seconds: Mapping[str, float]

    @classmethod
    def of(cls, trials: Trials, passing: Sequence[TestResult], budget_s: float) -> Reach:
        """Trace tests that pass."""
        ids = [test.id for test in passing]
        traced = trials.coverage(ids, (), budget_s).lines
        reached: defaultdict[RepoPath, defaultdict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        for test in sorted(traced, key=lambda test: (sum(map(len, traced[test].values())), test)):
            for path, lines in traced[test].items():
                for line in lines:
                    reached[path][line].append(test)
        tests = {path: {line: tuple(found) for line, found in lines.items()} for path, lines in reached.items()}
        return cls(tests, tuple(id for id in ids if id not in traced), {test.id: test.seconds for test in passing})

    def lines(self) -> dict[RepoPath, frozenset[int]]:
        """Return the lines that some traced test executes."""
        return {path: frozenset(lines) for path, lines in self.tests.items()}

    def executing(self, path: RepoPath, lines: Iterable[int]) -> tuple[str, ...]:
        """Return the tests that execute one of the lines, or may do so."""
        known = self.tests.get(path, {})
        return tuple(dict.fromkeys((*(test for line in lines for test in known.get(line, ())), *self.untraced)))


@dataclass(slots=True)
class Hunt:
    """One search for bugs that the suite kills, at most one in a statement."""

    trials: Trials
    draw: Draw
    reach: Reach
    wanted: Wanted
    remaining_s: Callable[[], float]
    progress: Callable[[str], None]
    seeded: list[Seeded] = field(default_factory=list)
    survivors: list[Seeded] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def run(self) -> str:
        """Try bugs until there are enough; return why it ended. What was found is kept when a bug ends the fork server."""
        try:
            return self._search()
        except (OutOfTime, ProtocolBroken) as error:
            return str(error)

    def _search(self) -> str:
        taken: set[tuple[RepoPath, int]] = set()
        tried = 0
        for bug in self.draw.bugs():
            if len(self.seeded) >= self.wanted.count:
                return "as many bugs as wanted were found"
            if tried >= self.wanted.count * self.wanted.tries_each:
                return f"{tried:,} bugs were tried, which is the limit"
            if self.remaining_s() <= 0:
                return "the time was used up"
            place = (bug.variant.path, bug.block.lineno)
            if place in taken:
                continue
            tried += 1
            if self._try(bug):
                taken.add(place)
                self.progress(f"{len(self.seeded)} of {self.wanted.count} bugs, {len(self.survivors)} unnoticed")
        if len(self.seeded) >= self.wanted.count:
            return "as many bugs as wanted were found"
        return "every bug that can be made in code that the tests execute was tried"

    def _try(self, bug: Bug) -> bool:
        """Try one bug; say whether it is kept, as seeded or as a survivor."""
        candidate = bug.variant.candidate
        tests = self.reach.executing(bug.variant.path, header_lines(bug.block))
        trial = self._trial(candidate, tests)
        match trial.ending:
            case Ending.PASSED:
                self.survivors.append(_told(bug, ()))
                return True
            case Ending.TIMED_OUT:
                self.left_out["hung"] += 1
            case Ending.DIED:
                self.left_out["died"] += 1
            case Ending.FAILED:
                failing = self._failing(candidate, trial)
                most = max(2, len(self.trials.collected) // 3)
                if 0 < len(failing) <= most:
                    self.seeded.append(_told(bug, failing))
                    return True
                self.left_out["obvious" if failing else "unsteady"] += 1
        return False

    def _failing(self, candidate: Candidate, trial: Trial) -> tuple[str, ...]:
        """Return the tests that fail a second time with the bug, and not without it."""
        # What tested code says of itself may name any test.
        failed = tuple(test for test in trial.failed if test in self.reach.seconds)
        if trial.message == _SKIPPED_NOW or not failed:
            return ()
        again, without = self._trial(candidate, failed), self._trial(NOTHING, failed)
        if again.ending is not Ending.FAILED or again.message == _SKIPPED_NOW:
            return ()
        if without.ending not in (Ending.PASSED, Ending.FAILED):
            return ()
        kept = set(again.failed) - set(without.failed)
        return tuple(test for test in failed if test in kept)

    def _trial(self, candidate: Candidate, tests: Sequence[str]) -> Trial:
        cpu_s = min(300.0, 2.0 + 8.0 * sum(self.reach.seconds[test] for test in tests))
        (trial,) = self.trials.run((candidate,), tests, all_failures=True, cpu_s=cpu_s)
        return trial


def _told(bug: Bug, failing: tuple[str, ...]) -> Seeded:
    source, variant = bug.module.source, bug.variant
    above = next((each for each in bug.module.index.up(bug.block) if isinstance(each, Function)), None)
    owner = bug.module.index.class_of(above) if above is not None else None
    name = ".".join(each.name for each in (owner, above) if each is not None)
    return Seeded(
        path=variant.path,
        line=variant.line,
        function=name,
        family=bug.family,
        maker=variant.operator,
        repair=bug.repair,
        candidate=variant.candidate,
        patch=patch(variant.path, source.data, source.apply(variant.candidate.edits)),
        failing=failing,
    )
