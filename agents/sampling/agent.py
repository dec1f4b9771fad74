"""The sampling agent: walks along suspicious places and many short questions about them from one shared prompt, all tried: in a fork server, or in forks of the shadow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain
from threading import Event

from agents.agent import NoFix, Proposal, Question, Result, Task, Workspace
from agents.errors import OutOfBudget, Stopped
from agents.formed import NOTED, by_success, noted
from agents.models import (
    JournaledModel,
    MeteredModel,
    Model,
    ModelError,
    Price,
    Reply,
    Request,
    Trouble,
    free,
    goes_on,
    within_budget,
)
from agents.prompts import Layout, TokenCounter, encoding_of
from agents.prompts.tokens import Count
from agents.repair.choice import literals
from agents.repair.clusters import Clusters
from agents.repair.confirming import holds
from agents.repair.diagnosis import Diagnosis, words
from agents.repair.notes import Diagnosed, Original, keep
from agents.repair.one_by_one import OneByOne, patched, trials_of
from agents.repair.past import recall
from agents.repair.question import asked_among
from agents.sampling import unproven
from agents.sampling.asking import Ask, Beginning, Form, predicted
from agents.sampling.beside import Beside
from agents.sampling.evidence import around, sources
from agents.sampling.explain import explanation, title
from agents.sampling.finding import diagnosed, traced
from agents.sampling.forks import Forks
from agents.sampling.place import Place, begun_at, places
from agents.sampling.pool import Pool
from agents.sampling.sample import Sample, samples_of
from agents.sampling.turn import FORMS, Pass, Turn, ballots, passes, rivals, turns
from agents.sampling.vote import Vote
from agents.sampling.walk import ALTERNATIVES, Walk
from sandbox import Command
from shadowfs import RepoPath
from verifier import Severity, Trials, TrialsFactory

_TRIED = 4
"""So many of a place's edits that did not do are told with the next questions about it."""
_STATEMENT_TOKENS = 200
"""A reply to a question about a line or a few is no longer."""
_HOTTEST = 1.2
_TRIALS_SHARE = 0.1
"""Of the seconds left, the edits of one walk may take so much to try; the most likely ones are tried in any case."""
_TRIALS, _FORKS = 20, 4
"""The most likely ones: as a fork server tries them, and where each takes a run of the whole suite."""
_RESERVE = 0.15
"""Share of the seconds left at the start that is kept for applying and testing the choice."""
_TROUBLE = frozenset(
    {Trouble.EMPTY, Trouble.GARBAGE, Trouble.REPETITION, Trouble.BROKEN, Trouble.SILENT, Trouble.TOO_LONG}
)
"""Trouble of one sample, that others may not have."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How many places and rounds, requests at once; how long a reply may be, and how far replies stray.

    With `repair` the repair agent's candidates compete with those of the model. With `walk` it is first seen where the model would leave
    the code, as long as its server goes on from a reply's beginning and tells alternatives.
    """

    places: int = 4
    rounds: int = 6
    parallel: int = 4
    reply_tokens: int = 1_500
    call_s: float = 300.0
    temperature: float = 0.8
    repair: bool = True
    walk: bool = True


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
        if task.plan:
            return NoFix("A plan was asked for, and samples are made without one.", "A model that can hold tools.")
        if task.follow:
            return NoFix("Samples are tried on files that stand still, and these follow what is saved.", "No --follow.")
        past = recall(workspace.journal())
        past.restore(workspace)
        with self._trials(task, workspace) as trials:
            diagnosis = past.diagnosis or diagnosed(task, workspace, trials)
            if isinstance(diagnosis, NoFix):
                return diagnosis
            if past.diagnosis is None:
                keep(workspace, Diagnosed(diagnosis), progress=f"{len(diagnosis.scores):,} suspicious lines")
            model = JournaledModel(MeteredModel(self.model, workspace, self.price), workspace)
            count = self.count or TokenCounter(encoding_of(self.model.name))
            pool = Pool(trials, diagnosis, task.seed, task.refused)
            # Without a fork server a search would take as many runs of the suite as it tries candidates.
            alone = not self.settings.repair or not diagnosis.failing or isinstance(trials, OneByOne)
            beside = None if alone else Beside.of(task, workspace, diagnosis, pool, past)
            return _Attempt(task, workspace, diagnosis, pool, beside, model, count, self.settings).work()

    def _trials(self, task: Task, workspace: Workspace) -> Trials:
        suite = task.suite
        if suite.kind == "command":
            return Forks(workspace, {}, command=Command(suite.args, suite.cwd, suite.environment))
        return trials_of(self.factory, task, workspace)


@dataclass(slots=True)
class _Attempt:
    """One attempt, from its diagnosis on."""

    task: Task
    workspace: Workspace
    diagnosis: Diagnosis
    pool: Pool
    beside: Beside | None
    model: Model
    count: Count
    settings: Settings
    asked: int = 0
    unusable: int = 0
    replied: Counter[str] = field(default_factory=Counter)
    usable: Counter[str] = field(default_factory=Counter)
    reserve_s: float = 0.0
    before: dict[RepoPath, bytes] = field(default_factory=dict)
    leaving: Event = field(default_factory=Event)

    def work(self) -> Result:
        """Take turns until an edit makes the failing tests pass, look for rivals to it where there is time, and propose the one that holds, or ask.

        Where no test fails all turns are taken, since all that passes then is what was right before.
        """
        task, diagnosis = self.task, self.diagnosis
        found = places(diagnosis.scores, self.workspace.read, self.settings.places, words(task, diagnosis))
        found = begun_at(found, task.variant.place)
        tests = self._tests()
        failures = "\n\n".join(dict.fromkeys(diagnosis.messages)) if diagnosis.failing else None
        beginning = Beginning(task, "\n\n".join(tests), failures)
        vote = self._vote(tests, found)
        temperature = min(_HOTTEST, self.settings.temperature + task.variant.warmer)
        self.reserve_s = self.workspace.remaining_s() * _RESERVE
        first = (turn for turn in self._passes(found, anew=False) if not turn.nth)
        ways: Iterable[Pass | Turn] = chain(first, ballots(found, temperature))
        if diagnosis.failing:
            anew = bool(tests) or traced(task, diagnosis)
            ways = chain(self._passes(found, anew), turns(found, self.settings.rounds, temperature, self._forms()))
        for turn in ways:
            try:
                if isinstance(turn, Pass):
                    self._walk(beginning, turn)
                else:
                    self._take(beginning, turn)
                    if diagnosis.failing and self.pool.passing and self._left_s() > 0:
                        self._take(beginning, rivals(turn, temperature))
            except (OutOfBudget, ModelError):
                # What passes is not lost where nothing more can be asked.
                if answer := self._answer(vote):
                    return answer
                raise
            if diagnosis.failing and (answer := self._answer(vote)):
                return answer
        while self.beside is not None and not self.beside.over:
            self.beside.step()
        return self._answer(vote) or self._no_fix(len(found))

    def _tests(self) -> tuple[str, ...]:
        """Return the source of failing tests that every question shows."""
        diagnosis, suite = self.diagnosis, self.task.suite
        if traced(self.task, diagnosis):
            return sources(diagnosis.failing, suite, tuple(self.workspace.paths()), self.workspace.read)
        return around("\n".join(diagnosis.messages), suite.cwd, self.workspace)

    def _forms(self) -> tuple[Form, ...]:
        """Return the forms to ask for, by what came of each before; a life after a crash keeps the order of the one before it."""
        kept = (step.data.get("order") for step in self.workspace.journal() if step.kind == "note:forms")
        for each in kept:
            if isinstance(each, list) and sorted(map(str, each)) == sorted(FORMS):
                return tuple(map(Form, each))
        order = by_success(FORMS, self.task.formed, self.model.name)
        self.workspace.note("forms", {"order": list(order)})
        return tuple(map(Form, order))

    def _vote(self, tests: Sequence[str], found: Sequence[Place]) -> Vote:
        code = (self.workspace.read(path).decode("utf-8", "replace") for path in {place.path for place in found})
        of_tests, of_code = (frozenset[str]().union(*map(literals, texts)) for texts in (tests, code))
        return Vote(of_tests, of_code, by_place=not self.diagnosis.failing)

    def _left_s(self) -> float:
        """Return the seconds that may still be spent on asking: once something passes, not those for confirming it."""
        return self.workspace.remaining_s() - (self.reserve_s if self.pool.passing else 0.0)

    @property
    def _trying_s(self) -> float:
        """Return the seconds that trying the edits of a walk may take, about."""
        return self._least * self.diagnosis.seconds + self.diagnosis.guard_seconds

    @property
    def _least(self) -> int:
        """Return how many edits of a turn are tried in any case."""
        return _FORKS if isinstance(self.pool.trials, Forks) else _TRIALS

    def _answer(self, vote: Vote) -> Proposal | Question | None:
        """Propose the best candidate that passes and that a real run confirms; ask where they do different things and nothing decides."""
        if not self.pool.passing:
            return None
        clusters = self.pool.clusters(vote)
        if self.task.ask and (clusters.undecided or not self.diagnosis.failing):
            asked = self._question(clusters)
            if asked is not None:
                return asked
        likeliest = clusters.clusters if self.diagnosis.failing else unproven.likeliest(clusters)
        for choice in (member for cluster in likeliest for member in cluster.members):
            if choice.candidate in self.pool.passing and self._holds(choice):
                return self._proposal(choice)
        return None

    def _question(self, clusters: Clusters[Sample]) -> Question | None:
        def offer(choice: Sample) -> Proposal | None:
            if not self._holds(choice):
                return None
            proposal = self._proposal(choice)
            self.workspace.write(choice.place.path, self.before[choice.place.path])
            return proposal

        if not self.diagnosis.failing:
            return unproven.asked(clusters, offer, self.workspace)
        return asked_among(clusters, offer, self.workspace)

    def _no_fix(self, found: int) -> NoFix:
        why = f"{self.asked} replies of {self.model.name} over {found} places gave {len(self.pool.known)} different edits, and none holds"
        unusable = f"; {self.unusable} held no edit that could be read" if self.unusable else ""
        return NoFix(f"{why}{unusable}.", "Another model, more samples, or a ticket that says more.")

    def _passes(self, found: Sequence[Place], anew: bool) -> Iterator[Pass]:
        """Yield the walks to be made, where the model's server can do what they need."""
        if self.settings.walk and goes_on(self.model, deadline_s=self._deadline_s(), watch=self._watch):
            yield from passes(found, anew)

    def _walk(self, beginning: Beginning, turn: Pass) -> None:
        """Walk along a place and try the edits that this shows; where none passes, have the likeliest of them written to their end."""
        data = self.workspace.read(turn.place.path)

        def asked(ask: Ask, tokens: int, stop: tuple[str, ...]) -> Reply:
            if self._left_s() < self._trying_s:
                raise OutOfBudget("the seconds that are left are for trying what the model has shown")
            return self._reply(replace(self._request(beginning, ask, data, (), tokens), stop=stop))

        try:
            walk = Walk(turn.place, data, turn.form, asked, turn.nth)
        except UnicodeDecodeError:
            return
        try:
            walk.go()
        except (OutOfBudget, ModelError):
            # What the model has shown is tried even where it can be asked no further.
            if self._left_s() > 0:
                self._try(turn, walk.samples())
            raise
        self._try(turn, walk.samples())
        for samples in walk.follow():
            if self.pool.passing or self._left_s() <= 0:
                break
            self._try(turn, samples)

    def _try(self, turn: Pass | Turn, samples: Sequence[Sample]) -> None:
        """Try samples, the likeliest as far as trying them takes no more than its share of the time, and tell what came of it."""
        place = turn.place
        seconds = self.diagnosis.seconds if self.diagnosis.failing else self.diagnosis.guard_seconds
        most = int(self._left_s() * _TRIALS_SHARE / max(seconds, 0.005))
        passing = self.pool.take(samples[: max(self._least, most)])
        where = f"{place.path}:{place.first} {place.name}".rstrip()
        told = f"{where}: {self.asked} replies, {len(self.pool.known)} different edits, {len(self.pool.passing)} pass"
        note = {"nth": turn.nth, "place": where, "samples": len(samples), "passing": passing}
        note |= noted(self.model.name, self.replied, self.usable)
        self.workspace.note(NOTED, note, progress=told)

    def _take(self, beginning: Beginning, turn: Turn) -> None:
        """Ask a turn's questions side by side, and try what the replies ask for."""
        place = turn.place
        data = self.workspace.read(place.path)
        tried = self.pool.failures[place][-_TRIED:]
        requests = [self._request(beginning, ask, data, tried) for ask in turn.asks]
        samples: list[Sample] = []
        for ask, reply in zip(turn.asks, self._replies(requests), strict=True):
            made = samples_of(reply, ask, data)
            if reply.text:
                # Where nothing came, the form is not to blame.
                self.replied[ask.form] += 1
                self.usable[ask.form] += not isinstance(made, str)
            if isinstance(made, str):
                self.unusable += 1
            else:
                samples += made
        self._try(turn, samples)

    def _request(
        self, beginning: Beginning, ask: Ask, data: bytes, tried: Sequence[str], tokens: int | None = None
    ) -> Request:
        self.asked += 1
        tokens = tokens or (self.settings.reply_tokens if ask.form is Form.WHOLE else _STATEMENT_TOKENS)
        layout = Layout(self.model.context_tokens, tokens + self.count(ask.begun))
        messages = beginning.about(ask, data, layout, self.count, tried)
        return Request(
            messages,
            (),
            ask.temperature,
            tokens,
            seed=self.task.seed * 10_000 + self.asked,
            alternatives=ALTERNATIVES if ask.begun else 0,
            prediction=predicted(ask, data),
        )

    def _replies(self, requests: Sequence[Request]) -> list[Reply]:
        with ThreadPoolExecutor(self.settings.parallel) as threads:
            replies = [threads.submit(self._reply, request) for request in requests]
            try:
                while self.beside is not None and not self.beside.over:
                    self.beside.step()
                    if all(reply.done() for reply in replies):
                        break
                return [reply.result() for reply in replies]
            except BaseException:
                # Calls under way would be waited for: they are cancelled within a quarter of a second.
                self.leaving.set()
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def _reply(self, request: Request) -> Reply:
        try:
            return self.model.complete(request, deadline_s=self._deadline_s(), watch=self._watch)
        except ModelError as error:
            late = error.trouble is Trouble.DEADLINE and bool(self.pool.passing)
            if error.trouble not in _TROUBLE and not late:
                raise
            return Reply("")

    def _deadline_s(self) -> float:
        return max(0.0, min(self.settings.call_s, self._left_s()))

    def _watch(self, piece: str) -> None:
        if self.leaving.is_set():
            raise Stopped("the attempt ends")
        within_budget(self.workspace)(piece)

    def _holds(self, choice: Sample) -> bool:
        """Write a candidate and run the tests for real; take it back where they do not pass."""
        path = choice.place.path
        if path not in self.before:
            self.before[path] = self.workspace.read(path)
            keep(self.workspace, Original(path, self.before[path]))
        before = self.before[path]
        self.workspace.write(path, patched(path, before, choice.candidate, "utf-8"))
        if not self._worsens(path) and holds(self.workspace, self.pool.trials, self.diagnosis):
            return True
        self.workspace.write(path, before)
        self.pool.reject(choice.candidate)
        return False

    def _worsens(self, path: RepoPath) -> bool:
        """Say whether language servers find a new error, where tests say less than those do that fail and are run one by one."""
        if traced(self.task, self.diagnosis):
            return False
        found = self.workspace.diagnose(path).delta.introduced
        return any(each.severity is Severity.ERROR for each in found)

    def _proposal(self, choice: Sample) -> Proposal:
        told = explanation(choice, self.task, self.diagnosis, self.pool, self.model.name)
        return Proposal(self.workspace.change(), title(choice, self.diagnosis), told)
