"""Runs suites inside a sandbox: pytest and unittest test by test, in the project's own interpreter; any other command as one test."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace

from sandbox import Command, Completed, Ended, Limits, Process, Sandbox
from verifier import payload
from verifier.errors import ProtocolBroken
from verifier.protocol import HostChannel, Message
from verifier.suite import Outcome, Ran, Suite, SuiteReport, TestResult

TOTAL_BYTES = 512 << 20
_GRACE_S = 5.0
_POLL_S = 0.1
_OUTPUT_CHARS = 20_000
_COMPLETE = (0, 1)
_NOTHING_COLLECTED = 5


class InsideRunner:
    """The Runner of pytest, unittest and command suites."""

    def run(
        self, sandbox: Sandbox, suite: Suite, ids: Sequence[str] | None = None, limits: Limits = Limits()
    ) -> SuiteReport:
        """Run the whole suite, or only the tests `ids` (a file or class id selects all below it)."""
        if suite.kind == "command":
            return _run_command(sandbox, suite, ids, limits)
        heard = Heard()
        request = {**request_for(sandbox, suite), "mode": "run", "ids": None if ids is None else list(ids)}
        with sandbox.start(command_for(sandbox, suite), limits) as process:
            channel = HostChannel(process.channel, TOTAL_BYTES)
            channel.send(request)
            try:
                completed = listen(process, channel, heard)
            except ProtocolBroken as error:
                heard.broken = heard.broken or str(error)
                completed = process.stop()
        return heard.report(completed)


def command_for(sandbox: Sandbox, suite: Suite) -> Command:
    """Return the command that runs our file with the suite's interpreter. Raises `ValueError` for an unknown kind."""
    if suite.kind not in ("pytest", "unittest"):
        raise ValueError(f"suite kind {suite.kind!r} is not one of pytest, unittest, command")
    path = sandbox.put(payload.NAME, payload.pack())
    # Byte code is told stale by size and whole seconds: an edit made twice within one would not be seen.
    environment = {**suite.environment, "PYTHONDONTWRITEBYTECODE": "1"}
    return Command((suite.python or "python3", path), suite.cwd, environment)


def request_for(sandbox: Sandbox, suite: Suite) -> dict[str, object]:
    """Return the fields that every request starts with."""
    return {"kind": suite.kind, "args": list(suite.args), "root": str(sandbox.root), "each_s": suite.each_s}


def listen(process: Process, channel: HostChannel, heard: Heard) -> Completed:
    """Take in messages until the run says its end, the channel closes or the command ends."""
    completed = None
    looked = time.monotonic()
    while completed is None and not heard.ended and not channel.ended:
        for message in channel.exchange(_POLL_S):
            heard.take(message)
        if time.monotonic() - looked >= _POLL_S:
            completed = process.wait(0)
            looked = time.monotonic()
    completed = completed or process.wait(_GRACE_S) or process.stop()
    while not channel.ended and not heard.ended:
        messages = list(channel.exchange(0))
        if not messages:
            break
        for message in messages:
            heard.take(message)
    return completed


class Heard:
    """What has been heard of a run so far; tells, in the end, whether the suite ran and what it said."""

    def __init__(self) -> None:
        self.ended = False
        self.broken = ""
        self._status = 0
        self._missing = ""
        self._collecting = ""
        self._results: dict[str, TestResult] = {}
        self._collected: dict[str, None] = {}
        self._running: dict[str, None] = {}

    @property
    def results(self) -> tuple[TestResult, ...]:
        """The results so far."""
        return tuple(self._results.values())

    @property
    def collected(self) -> tuple[str, ...]:
        """The ids collected so far."""
        return tuple(self._collected)

    def take(self, message: Message) -> None:
        """Take in one message. Raises `ProtocolBroken` when it is malformed."""
        match message.type:
            case "result":
                self._add(message.result())
            case "start":
                self._running[message.text("id")] = None
            case "collecting":
                self._collecting = message.text("id")
            case "collected":
                self._collecting = ""
                self._collected.update(dict.fromkeys(message.texts("ids")))
            case "broken":
                self.broken = message.text("why")
            case "missing":
                module, python = message.text("module"), message.text("python")
                self._missing = (
                    f"there is no {module} in the project's interpreter {python}: install it into the project's "
                    f"environment, or name another test command with --test"
                )
            case "end":
                self._status, self.ended = message.integer("status"), True
            case unknown:
                raise ProtocolBroken(f"a message of unknown type {unknown!r:.80} came from inside the sandbox")

    def _add(self, result: TestResult) -> None:
        self._running.pop(result.id, None)
        before = self._results.get(result.id)
        # A result said twice: the worse one counts, so that nothing is talked away afterwards.
        if before is None or result.outcome.bad or not before.outcome.bad:
            self._results[result.id] = result

    def report(self, completed: Completed) -> SuiteReport:
        """Return the report, now that the command has ended."""
        ran, why = self._how(completed)
        tests = list(self._results.values())
        if ran in (Ran.TIMED_OUT, Ran.CRASHED):
            message = f"{ran} while it ran"
            tests += [TestResult(test_id, Outcome.ERROR, message=message) for test_id in self._running]
        return SuiteReport(
            ran,
            tuple(tests),
            tuple(self._collected),
            why,
            completed.usage.wall_s,
            completed.usage.cpu_s,
            tail(completed, _OUTPUT_CHARS),
            ran is Ran.CRASHED and completed.killed,
        )

    def _how(self, completed: Completed) -> tuple[Ran, str]:
        if self._missing:
            return Ran.NOT_STARTED, self._missing
        if completed.ended is Ended.NOT_STARTED:
            return (
                Ran.NOT_STARTED,
                f"the project's interpreter could not be started: {completed.why or tail(completed)}",
            )
        if completed.ended is Ended.TIMED_OUT and not self.ended:
            return Ran.TIMED_OUT, f"{completed.why or 'the time limit passed'}{self._place()}"
        if self.ended and not self.broken:
            return self._after_end(completed)
        started = self._collected or self._results or self._collecting
        if self.broken:
            return Ran.CRASHED if started else Ran.NOT_STARTED, self.broken + self._place()
        died = f"the test process ended before its report did ({_ending(completed)}){self._place()}"
        if started:
            return Ran.CRASHED, died
        return Ran.NOT_STARTED, tail(completed) or died

    def _after_end(self, completed: Completed) -> tuple[Ran, str]:
        if self._status not in (*_COMPLETE, _NOTHING_COLLECTED) and not self._results:
            return Ran.NOT_STARTED, tail(completed) or f"the test runner ended with status {self._status}"
        if not self._results and not self._collected:
            return (
                Ran.NOTHING_COLLECTED,
                "no test was collected; check the test command, and that the tests asked for exist",
            )
        silent = [test_id for test_id in self._collected if test_id not in self._results]
        if silent:
            return Ran.CRASHED, f"{len(silent)} collected tests were not run, first {silent[0]}"
        return Ran.COMPLETED, ""

    def _place(self) -> str:
        if self._running:
            return f", while {', '.join(list(self._running)[:3])} ran"
        return f", while {self._collecting} was imported" if self._collecting else ""


def tail(completed: Completed, chars: int = 2_000) -> str:
    """Return the end of what a command printed: its standard error where there is any, else its standard output."""
    both = [stream.decode(errors="replace").strip() for stream in (completed.stdout, completed.stderr)]
    if chars >= _OUTPUT_CHARS:
        return "\n".join(text for text in both if text)[-chars:]
    return (both[1] or both[0])[-chars:]


def _ending(completed: Completed) -> str:
    if completed.why:
        return completed.why
    return f"exit status {completed.exit_status}" if completed.exit_status is not None else completed.ended.value


def _run_command(sandbox: Sandbox, suite: Suite, ids: Sequence[str] | None, limits: Limits) -> SuiteReport:
    """Run a command whose exit status is the outcome of the one test it stands for."""
    test_id = shlex.join(suite.args)
    if ids is not None and test_id not in ids:
        return SuiteReport(Ran.NOTHING_COLLECTED, why=f"the suite is one command: its only test is {test_id!r}")
    completed = sandbox.run(Command(suite.args, suite.cwd, suite.environment), limits)
    output = tail(completed, _OUTPUT_CHARS)
    report = SuiteReport(Ran.COMPLETED, (), (test_id,), "", completed.usage.wall_s, completed.usage.cpu_s, output)
    # What a shell says of a program that does not exist, or cannot be executed.
    if completed.ended is Ended.NOT_STARTED or completed.exit_status in (126, 127):
        return replace(report, ran=Ran.NOT_STARTED, why=completed.why or tail(completed))
    if completed.ended is Ended.TIMED_OUT:
        return replace(report, ran=Ran.TIMED_OUT, why=completed.why or "the time limit passed")
    if completed.ended is not Ended.EXITED:
        return replace(report, ran=Ran.CRASHED, why=_ending(completed), killed=completed.killed)
    outcome = Outcome.PASSED if completed.ok else Outcome.FAILED
    message = "" if completed.ok else f"exit status {completed.exit_status}"
    result = TestResult(test_id, outcome, completed.usage.wall_s, message, (), output)
    return replace(report, tests=(result,))
