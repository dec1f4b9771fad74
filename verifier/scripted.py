"""A Runner and Trials that say what they are told: for tests, and for users who write plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from sandbox import Limits, Sandbox
from verifier.observation import Observed, Watch
from verifier.suite import Outcome, Ran, Suite, SuiteReport, TestResult
from verifier.trials import Behaviour, Candidate, Coverage, Trial

Say = Callable[[Sandbox], Mapping[str, Outcome]]
"""Given the sandbox, tells what each test says there."""


@dataclass(slots=True)
class ScriptedRunner:
    """Runs nothing; `say` is asked for each run, which is counted in `runs`."""

    say: Say
    runs: list[tuple[str, ...] | None] = field(default_factory=list)

    def run(
        self, sandbox: Sandbox, suite: Suite, ids: Sequence[str] | None = None, limits: Limits = Limits()
    ) -> SuiteReport:
        """Report what `say` says of the tests asked for."""
        del suite, limits
        self.runs.append(None if ids is None else tuple(ids))
        said = {test_id: outcome for test_id, outcome in self.say(sandbox).items() if _asked(test_id, ids)}
        return _report(said, tuple(said))


@dataclass(slots=True)
class ScriptedObserver:
    """Watches nothing; `see` tells what there is to be seen in a sandbox, and what was asked for of it is said. `asked` keeps the questions."""

    see: Callable[[Sandbox], Observed]
    asked: list[tuple[tuple[str, ...], Watch, Limits]] = field(default_factory=list)

    def observe(
        self, sandbox: Sandbox, suite: Suite, ids: Sequence[str], watch: Watch, limits: Limits = Limits()
    ) -> Observed:
        """Say what there is to be seen of the tests, lines and functions asked for."""
        del suite
        self.asked.append((tuple(ids), watch, limits))
        seen = self.see(sandbox)
        lines = {
            test: {path: run & watch.lines[path] for path, run in found.items() if path in watch.lines}
            for test, found in seen.lines.items()
            if not test or test in ids
        }
        calls = tuple(each for each in seen.calls if each.test in ids and each.function in watch.functions)
        return Observed(seen.ran, {test: seen.outcomes[test] for test in ids if test in seen.outcomes}, lines, calls)


@dataclass(slots=True)
class ScriptedTrials:
    """Tries nothing; `judge` tells what becomes of a candidate, `outcomes` what the tests say without one, `behave` what candidates do."""

    outcomes: Mapping[str, Outcome]
    judge: Callable[[Candidate, Sequence[str]], Trial]
    lines: Mapping[str, Mapping[str, frozenset[int]]] = field(default_factory=dict)
    behave: Callable[[Sequence[Candidate]], tuple[Behaviour, ...]] = lambda candidates: ()  # noqa: ARG005
    tried: list[Candidate] = field(default_factory=list)
    closed: bool = False

    @property
    def collected(self) -> tuple[str, ...]:
        """The ids of `outcomes`."""
        return tuple(self.outcomes)

    def baseline(self, ids: Sequence[str] | None = None, each_s: float | None = None) -> SuiteReport:
        """Report `outcomes`."""
        del each_s
        said = {test_id: outcome for test_id, outcome in self.outcomes.items() if _asked(test_id, ids)}
        return _report(said, self.collected)

    def coverage(
        self, failing: Sequence[str], passing: Sequence[str], budget_s: float, each_s: float | None = None
    ) -> Coverage:
        """Return `lines` of the tests asked for."""
        del budget_s, each_s
        return Coverage({test_id: self.lines[test_id] for test_id in (*failing, *passing) if test_id in self.lines})

    def run(
        self, candidates: Iterable[Candidate], tests: Sequence[str], *, all_failures: bool = False, cpu_s: float = 5.0
    ) -> Iterator[Trial]:
        """Yield what `judge` says of each candidate."""
        del all_failures, cpu_s
        for candidate in candidates:
            self.tried.append(candidate)
            yield self.judge(candidate, tests)

    def behaviours(
        self,
        candidates: Sequence[Candidate],
        failing: Sequence[str],
        passing: Sequence[str],
        *,
        seed: int = 0,
        most: int = 120,
        cpu_s: float = 5.0,
    ) -> tuple[Behaviour, ...]:
        """Return what `behave` says of the candidates, at most `most`."""
        del failing, passing, seed, cpu_s
        return self.behave(candidates)[:most]

    def start(self, sandbox: Sandbox, suite: Suite, limits: Limits = Limits(), run_s: float | None = None) -> Self:
        """Be the factory too."""
        del sandbox, suite, limits, run_s
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.closed = True


def _asked(test_id: str, ids: Sequence[str] | None) -> bool:
    return ids is None or any(
        test_id == asked or test_id.startswith((asked + "::", asked + "[", asked + ".")) for asked in ids
    )


def _report(said: Mapping[str, Outcome], collected: tuple[str, ...]) -> SuiteReport:
    ran = Ran.COMPLETED if said else Ran.NOTHING_COLLECTED
    return SuiteReport(ran, tuple(TestResult(test_id, outcome) for test_id, outcome in said.items()), collected)
