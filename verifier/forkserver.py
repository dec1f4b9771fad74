"""Fork servers on the host's side: many candidates in flight, answers in order."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Self

from sandbox import Completed, Ended, Limits, Process, Sandbox
from verifier.errors import OutOfTime, ProtocolBroken, SuiteNotStarted
from verifier.protocol import HostChannel, Message
from verifier.runner import Heard, command_for, request_for, tail
from verifier.suite import Outcome, Ran, Suite, SuiteReport, TestResult
from verifier.trials import Behaviour, Candidate, Coverage, Ending, Trial

_POLL_S = 0.1
_BASELINE_CPU_S = 60.0
_GRACE_S = 5.0
_IN_FLIGHT_FOR_EACH = 32
_TOGETHER = 20


class ForkServers:
    """The TrialsFactory of pytest and unittest suites."""

    def start(
        self, sandbox: Sandbox, suite: Suite, limits: Limits = Limits(), run_s: float | None = None
    ) -> ForkTrials:
        """Start a server for `suite`, importing it once; `limits` are the server's, `cpu_s` each candidate's.

        `run_s` is what a run of the suite may take: the seconds for its import, and of CPU for each test run as it is.
        Raises `SuiteNotStarted` when the suite cannot be imported in that time, and for suites of kind `command`.
        """
        if suite.kind == "command":
            raise SuiteNotStarted(
                "a suite that is one command cannot be tried by candidates; name a pytest or unittest suite"
            )
        process = sandbox.start(command_for(sandbox, suite), limits)
        with ExitStack() as undo:
            trials = undo.enter_context(ForkTrials(process, run_s, serial=suite.serial))
            trials.begin({**request_for(sandbox, suite), "mode": "serve", "ids": None})
            undo.pop_all()
        return trials


class ForkTrials:
    """A running fork server. A generator that is closed early ends the trials in flight, of which a `serial` suite has one at a time."""

    def __init__(self, process: Process, run_s: float | None = None, *, serial: bool = False) -> None:
        self._process = process
        self._import_s = math.inf if run_s is None else run_s
        self._baseline_cpu_s = min(_BASELINE_CPU_S, self._import_s)
        self._channel = HostChannel(process.channel)
        self._heard = Heard()
        self._serial = serial
        self._room = 0
        self._number = 0
        self._done: dict[int, Message] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._closed = False
        self._looked = time.monotonic()

    @property
    def collected(self) -> tuple[str, ...]:
        """The ids of all collected tests."""
        return self._heard.collected

    def begin(self, request: Mapping[str, object]) -> None:
        """Wait until the suite has been imported. Raises `SuiteNotStarted`."""
        self._channel.send(request)
        ends = time.monotonic() + self._import_s
        while not self._room:
            for message in self._channel.exchange(_POLL_S):
                if message.type == "ready":
                    self._room = max(1, min(256, message.integer("room")))
                else:
                    self._heard.take(message)
            # The hub outlives an import that failed: what it said last is the end all the same.
            ended = self._process.stop() if self._heard.ended else self._ended()
            if ended is not None and not self._room:
                report = self._heard.report(ended)
                raise SuiteNotStarted(report.why or tail(ended) or "the suite could not be imported")
            if not self._room and time.monotonic() > ends:
                raise SuiteNotStarted(f"the suite was not imported within {self._import_s:g} s")

    def baseline(self, ids: Sequence[str] | None = None, each_s: float | None = None) -> SuiteReport:
        """Run tests as they are, None for all: some to a fork, and alone those of which such a fork says nothing."""
        began = time.monotonic()
        wanted = list(self.collected if ids is None else ids)
        tests: dict[str, TestResult] = {} if ids is not None else {test.id: test for test in self._heard.results}
        cpu_s = self._as_they_are(self._parts(wanted), tests, each_s)
        cpu_s += self._as_they_are([[test_id] for test_id in wanted if test_id not in tests], tests, each_s)
        self._outcomes.update((test.id, test.outcome) for test in tests.values())
        ran = Ran.COMPLETED if tests else Ran.NOTHING_COLLECTED
        return SuiteReport(ran, tuple(tests.values()), self.collected, "", time.monotonic() - began, cpu_s)

    def _parts(self, ids: Sequence[str]) -> list[list[str]]:
        """Return the collected ones of some tests, so many together as share a fork."""
        known = set(self.collected)
        found = [test_id for test_id in ids if test_id in known]
        return [found[start : start + _TOGETHER] for start in range(0, len(found), _TOGETHER)]

    def _as_they_are(self, parts: Sequence[list[str]], tests: dict[str, TestResult], each_s: float | None) -> float:
        """Run the tests of each part in one fork, add what they say to `tests`, and return the CPU seconds."""
        cpu_s = 0.0
        jobs = (
            _job((), part, cpu_s=self._limit_s(part, each_s), detail=True, all_failures=True, each_s=each_s)
            for part in parts
        )
        for part, message in zip(parts, self._answers(jobs), strict=False):
            cpu_s += message.number("cpu_s")
            results = message.results()
            if not results and len(part) == 1:
                results = (TestResult(part[0], Outcome.ERROR, message=message.text("message", "")),)
            tests.update({result.id: result for result in results})
        return cpu_s

    def _limit_s(self, part: Sequence[str], each_s: float | None) -> float:
        """Return the CPU seconds after which the fork of a part ends, though it may not let itself be interrupted."""
        return self._baseline_cpu_s if each_s is None else 1.0 + each_s * (1 + len(part))

    def coverage(
        self, failing: Sequence[str], passing: Sequence[str], budget_s: float, each_s: float | None = None
    ) -> Coverage:
        """Trace `failing`, then as many of `passing` as `budget_s` allows, over the files that `failing` execute."""
        deadline = time.monotonic() + budget_s
        lines: dict[str, Mapping[str, frozenset[int]]] = {}
        self._trace(failing, [], deadline, lines, each_s)
        files = sorted({path for found in lines.values() for path in found})
        if files:
            self._trace(passing, files, deadline, lines, each_s)
        return Coverage(lines)

    def _trace(
        self,
        ids: Sequence[str],
        files: list[str],
        deadline: float,
        lines: dict[str, Mapping[str, frozenset[int]]],
        each_s: float | None,
    ) -> None:
        for parts in (self._parts(ids), [[test_id] for test_id in ids]):
            left = [part for part in parts if not any(test_id in lines for test_id in part)]
            jobs = (
                _job((), part, cpu_s=self._limit_s(part, each_s), all_failures=True, cover=files, each_s=each_s)
                for part in left
            )
            for message in self._answers(jobs, lambda: time.monotonic() < deadline):
                lines.update(message.lines())

    def run(
        self,
        candidates: Iterable[Candidate],
        tests: Sequence[str],
        *,
        all_failures: bool = False,
        cpu_s: float = 5.0,
    ) -> Iterator[Trial]:
        """Yield one trial for each candidate, in order, as they finish; `cpu_s` limits each candidate's CPU time."""
        given: list[Candidate] = []

        def jobs() -> Iterator[dict[str, object]]:
            for candidate in candidates:
                given.append(candidate)
                yield _job(_edits(candidate), None, cpu_s=cpu_s, all_failures=all_failures)

        self._channel.send({"t": "select", "ids": list(tests)})
        for message in self._answers(jobs()):
            yield self._trial(given.pop(0), message)

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
        """Tell what each candidate does on inputs that tests give, and on mutations of them."""
        behave = [_edits(candidate) for candidate in candidates]
        job = {**_job((), [], cpu_s=cpu_s, all_failures=True), "behave": behave, "seed": seed, "most": most}
        jobs = iter([{**job, "failing": list(failing), "passing": list(passing)}])
        [message] = self._answers(jobs)
        return message.behaviours(len(candidates))[:most]

    def _trial(self, candidate: Candidate, message: Message) -> Trial:
        try:
            ending = Ending(message.text("ending"))
        except ValueError as error:
            raise ProtocolBroken(f"a trial's ending from inside the sandbox is unknown: {error}") from None
        failed = message.texts("failed")
        if ending is Ending.PASSED:
            # A test that ran before and now says that it cannot is no success.
            shied = [test_id for test_id in message.texts("skipped") if self._ran_before(test_id)]
            if shied:
                return Trial(candidate, Ending.FAILED, tuple(shied), "skipped now", message.number("cpu_s"))
        return Trial(candidate, ending, failed, message.text("message", ""), message.number("cpu_s"))

    def _ran_before(self, test_id: str) -> bool:
        return self._outcomes.get(test_id, Outcome.SKIPPED) is not Outcome.SKIPPED

    def _answers(self, jobs: Iterator[dict[str, object]], more: Callable[[], bool] = lambda: True) -> Iterator[Message]:
        """Keep jobs in flight while `more`, and yield the answers in the order of the jobs."""
        first = following = self._number
        exhausted = False
        most = 1 if self._serial else _IN_FLIGHT_FOR_EACH * self._room
        try:
            while True:
                while not exhausted and following - first < most:
                    job = next(jobs, None) if more() else None
                    exhausted = job is None
                    if job is not None:
                        self._channel.send({**job, "n": following})
                        following += 1
                        self._number = following
                if first == following:
                    return
                yield self._wait_for(first)
                first += 1
        finally:
            if first < following:
                self._channel.send({"t": "cancel"})
                self._done.clear()
                self._number = following

    def _wait_for(self, number: int) -> Message:
        while number not in self._done:
            ended = self._ended()
            if ended is not None and ended.ended is Ended.TIMED_OUT:
                raise OutOfTime(f"the fork server was ended: {ended.why}")
            if ended is not None:
                raise ProtocolBroken(f"the fork server ended: {ended.why or tail(ended) or ended.ended.value}")
            for message in self._channel.exchange(_POLL_S):
                if message.type == "done":
                    self._done[message.integer("n")] = message
        return self._done.pop(number)

    def _ended(self) -> Completed | None:
        """Return how the server ended, where it has; looks now and then, which enforces its limits."""
        now = time.monotonic()
        if self._channel.ended:
            return self._process.wait(_GRACE_S) or self._process.stop()
        if now - self._looked < _POLL_S:
            return None
        self._looked = now
        return self._process.wait(0)

    def close(self) -> None:
        """End the server and all trials. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._process.stop()
            self._process.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _edits(candidate: Candidate) -> list[tuple[str, int, int, str]]:
    return [(edit.path, edit.start, edit.end, edit.text) for edit in candidate.edits]


def _job(
    edits: Sequence[tuple[str, int, int, str]],
    tests: list[str] | None,
    *,
    cpu_s: float,
    all_failures: bool,
    detail: bool = False,
    cover: list[str] | None = None,
    each_s: float | None = None,
) -> dict[str, object]:
    """Return a job: edits, tests (None for the selected ones), whether every result is wanted, and the files to trace."""
    return {
        "t": "job",
        "edits": list(edits),
        "tests": tests,
        "cpu_s": cpu_s,
        "all": all_failures,
        "detail": detail,
        "cover": cover,
        "each_s": each_s,
    }
