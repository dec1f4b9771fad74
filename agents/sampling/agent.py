"""The sampling agent: places by coverage and traceback, many small edits of each from one shared prompt, all tried in a fork server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from agents.agent import NoFix, Proposal, Result, Task, Workspace
from agents.models import (
    JournaledModel,
    Message,
    MeteredModel,
    Model,
    ModelError,
    Price,
    Request,
    Trouble,
    free,
    within_budget,
)
from agents.prompts import Layout, TokenCounter, encoding_of
from agents.prompts.tokens import Count
from agents.repair.diagnosis import Diagnosis, diagnose, expand, wanted
from agents.repair.notes import Diagnosed, Original, keep
from agents.repair.one_by_one import patched, trials_of
from agents.repair.past import recall
from agents.sampling.asking import Beginning
from agents.sampling.place import Place, places
from agents.sampling.sample import Sample, candidate_of
from agents.sampling.vote import ranked
from shadowfs import RepoPath
from verifier import Behaviour, Candidate, Ending, Ran, Trials, TrialsFactory

_BEHAVIOUR_CPU_S = 2.0
_TROUBLE = frozenset(
    {Trouble.EMPTY, Trouble.GARBAGE, Trouble.REPETITION, Trouble.BROKEN, Trouble.SILENT, Trouble.TOO_LONG}
)
"""Trouble of one sample, that others may not have."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How many places, samples of each, rounds, and requests at once; how long a reply may be, and how far its samples differ."""

    places: int = 4
    samples: int = 6
    rounds: int = 3
    parallel: int = 4
    reply_tokens: int = 1_500
    call_s: float = 300.0
    temperature: float = 0.8


@dataclass(frozen=True, slots=True)
class SamplingAgent:
    """Asks a model for small edits of suspicious places; each call is paid for by `price`."""

    model: Model
    factory: TrialsFactory
    settings: Settings = Settings()
    count: Count | None = None
    price: Price = free
    name: str = "sampling"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Sample until a candidate passes and a real run confirms it, or all rounds are over. Raises `ModelError`."""
        past = recall(workspace.journal())
        past.restore(workspace)
        ids = wanted(task, workspace) if past.diagnosis is None else past.diagnosis.failing
        if isinstance(ids, NoFix):
            return ids
        with trials_of(self.factory, task, workspace) as trials:
            diagnosis = past.diagnosis or diagnose(task, workspace, trials, ids)
            if isinstance(diagnosis, NoFix):
                return diagnosis
            if past.diagnosis is None:
                keep(workspace, Diagnosed(diagnosis), progress=f"{len(diagnosis.scores):,} suspicious lines")
            model = JournaledModel(MeteredModel(self.model, workspace, self.price), workspace)
            count = self.count or TokenCounter(encoding_of(self.model.name))
            return _Attempt(task, workspace, trials, diagnosis, model, count, self.settings).work()


@dataclass(slots=True)
class _Attempt:
    """One attempt, from its diagnosis on."""

    task: Task
    workspace: Workspace
    trials: Trials
    diagnosis: Diagnosis
    model: Model
    count: Count
    settings: Settings
    asked: int = 0
    tried: dict[Candidate, str] = field(default_factory=dict)
    unusable: int = 0

    def work(self) -> Result:
        """Go through the rounds."""
        found = places(self.diagnosis.scores, self.workspace.read, self.settings.places)
        beginning = Beginning(self.task, self._tests(), "\n\n".join(self.diagnosis.messages))
        feedback: dict[Place, str] = {}
        for nth in range(1, self.settings.rounds + 1):
            samples = list(self._sampled(beginning, found, feedback))
            passing = self._passing(samples, feedback)
            self.workspace.note(
                "round",
                {"nth": nth, "samples": len(samples), "passing": len(passing)},
                progress=self._told(nth, passing),
            )
            for choice in ranked(passing, self._behaviours(passing)):
                if self._holds(choice):
                    return self._proposal(choice)
        why = f"{self.asked} replies of {self.model.name} over {len(found)} places gave {len(self.tried)} different edits, and none holds"
        unusable = f"; {self.unusable} held no edit that could be read" if self.unusable else ""
        return NoFix(f"{why}{unusable}.", "Another model, more samples, or a ticket that says more.")

    def _tests(self) -> str:
        """Return the source of the files of the failing tests, as far as it is known."""
        ids = [f"{test.replace('::', '.')}." for test in self.diagnosis.failing]
        named = [
            path for path in self.workspace.paths() if any(each.startswith((f"{path}.", _dotted(path))) for each in ids)
        ]
        return "\n".join(self.workspace.read(path).decode("utf-8", "replace") for path in named)

    def _sampled(self, beginning: Beginning, found: Sequence[Place], feedback: Mapping[Place, str]) -> Iterator[Sample]:
        """Ask for samples of all places, and yield each different edit once, with its votes."""
        layout = Layout(self.model.context_tokens, self.settings.reply_tokens)
        requests: list[tuple[Place, Request]] = []
        for place in found:
            data = self.workspace.read(place.path)
            messages = beginning.about(place, place.text(data), layout, self.count, feedback.get(place, ""))
            requests += [(place, self._request(messages)) for _ in range(self.settings.samples)]
        merged: dict[Candidate, Sample] = {}
        for place, reply in zip(
            (place for place, _ in requests), self._replies([each for _, each in requests]), strict=True
        ):
            sample = candidate_of(reply, place, self.workspace.read(place.path))
            if isinstance(sample, str):
                self.unusable += 1
                continue
            known = merged.get(sample.candidate)
            merged[sample.candidate] = replace(known, votes=known.votes + 1) if known else sample
        yield from merged.values()

    def _request(self, messages: tuple[Message, ...]) -> Request:
        first = self.asked % self.settings.samples == 0
        self.asked += 1
        # The first sample of a prompt is the likeliest reply; the others differ by their seeds.
        temperature = 0.0 if first else self.settings.temperature
        return Request(messages, (), temperature, self.settings.reply_tokens, seed=self.task.seed * 10_000 + self.asked)

    def _replies(self, requests: Sequence[Request]) -> list[str]:
        with ThreadPoolExecutor(self.settings.parallel) as pool:
            return list(pool.map(self._reply, requests))

    def _reply(self, request: Request) -> str:
        try:
            deadline_s = min(self.settings.call_s, self.workspace.remaining_s())
            reply = self.model.complete(request, deadline_s=deadline_s, watch=within_budget(self.workspace))
        except ModelError as error:
            if error.trouble not in _TROUBLE:
                raise
            return ""
        return "" if reply.cut else reply.text

    def _passing(self, samples: Sequence[Sample], feedback: dict[Place, str]) -> list[Sample]:
        """Try samples that were not tried before; keep for each place how the one that most replies asked for failed."""
        new = [each for each in samples if each.candidate not in self.tried]
        trials = list(self.trials.run((each.candidate for each in new), self.diagnosis.failing, cpu_s=self._limit_s()))
        last = dict(zip(new, trials, strict=True))
        good = [each for each, trial in last.items() if trial.ending is Ending.PASSED]
        if good and self.diagnosis.guards:
            guard_s = min(300.0, 5.0 + 4.0 * self.diagnosis.guard_seconds)
            judged = self.trials.run((each.candidate for each in good), self.diagnosis.guards, cpu_s=guard_s)
            last |= dict(zip(good, judged, strict=True))
        for each, trial in sorted(last.items(), key=lambda pair: pair[0].votes):
            self.tried[each.candidate] = trial.message
            failed = trial.failed[0] if trial.failed else self.diagnosis.failing[0]
            feedback[each.place] = f"{each.code}\n\nWith this {failed} fails: {trial.message or trial.ending}"
        return [each for each in good if last[each].ending is Ending.PASSED]

    def _limit_s(self) -> float:
        return min(30.0, 1.0 + 8.0 * self.diagnosis.seconds)

    def _behaviours(self, passing: Sequence[Sample]) -> Sequence[Behaviour]:
        """Return what candidates that pass do on the tests' inputs and mutations of them; a single one is compared with nothing."""
        if len(passing) < 2:
            return ()
        candidates = [each.candidate for each in passing]
        return self.trials.behaviours(
            candidates, self.diagnosis.failing, self.diagnosis.guards, seed=self.task.seed, cpu_s=_BEHAVIOUR_CPU_S
        )

    def _told(self, nth: int, passing: Sequence[Sample]) -> str:
        return f"round {nth}: {self.asked} replies, {len(self.tried)} different edits, {len(passing)} pass"

    def _holds(self, choice: Sample) -> bool:
        """Write a candidate and run the tests for real; take it back where they do not pass."""
        path = choice.place.path
        before = self.workspace.read(path)
        keep(self.workspace, Original(path, before))
        self.workspace.write(path, patched(path, before, choice.candidate, "utf-8"))
        failing = expand(self.diagnosis.failing, self.trials.collected)
        report = self.workspace.test()
        results = report.by_id()
        if not set(failing) <= set(results):
            report = self.workspace.test(failing)
        broken = set(report.bad()) & (set(failing) | set(self.diagnosis.guards))
        if report.ran is Ran.COMPLETED and not broken:
            return True
        self.workspace.write(path, before)
        return False

    def _proposal(self, choice: Sample) -> Proposal:
        place = choice.place
        where = f"`{place.name}`" if place.name else f"lines {place.first} to {place.last}"
        votes = (
            f"{choice.votes} of {self.asked} replies asked for it"
            if choice.votes > 1
            else f"one of {self.asked} replies"
        )
        told = f"{self.diagnosis.failing[0]} failed. {where} in {place.path} was suspected by coverage; {self.model.name} was asked for edits of it"
        return Proposal(
            self.workspace.change(),
            f"Correct {place.name or place.path}",
            f"{told}. Of {len(self.tried)} different ones this passes the failing tests and all others that passed before ({votes}).",
        )


def _dotted(path: RepoPath) -> str:
    """Return how the dotted id of a test in a file begins; what no id begins with where the file is no Python."""
    return f"{path.removesuffix('.py').replace('/', '.')}." if path.endswith(".py") else "\0"
