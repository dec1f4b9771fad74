"""Observes suites of pytest and unittest in a sandbox. What comes over the channel is kept only where it was asked for, and cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandbox import Limits, Sandbox
from shadowfs import RepoPath
from verifier.errors import ProtocolBroken
from verifier.observation import Called, Function, Observed, Watch
from verifier.protocol import HostChannel, Message
from verifier.runner import Heard, command_for, listen, request_for
from verifier.suite import Suite

TOTAL_BYTES = 32 << 20
_CALLS = 2_000
_CALL_CHARS, _SAID_CHARS, _DIGEST_CHARS = 500, 250, 64


class InsideObserver:
    """The Observer of pytest and unittest suites."""

    def observe(
        self, sandbox: Sandbox, suite: Suite, ids: Sequence[str], watch: Watch, limits: Limits = Limits()
    ) -> Observed:
        """Run the tests `ids` and say what was seen. Raises `ProtocolBroken` where what runs in there talks nonsense."""
        heard = Witness(watch, ids)
        request = {**request_for(sandbox, suite), "mode": "run", "ids": list(ids), "watch": _request(watch)}
        with sandbox.start(command_for(sandbox, suite), limits) as process:
            channel = HostChannel(process.channel, TOTAL_BYTES)
            channel.send(request)
            completed = listen(process, channel, heard)
        report = heard.report(completed)
        outcomes = {test.id: test.outcome for test in report.tests}
        return Observed(report.ran, outcomes, heard.lines, tuple(heard.calls))


def _request(watch: Watch) -> dict[str, object]:
    return {
        "lines": {path: sorted(lines) for path, lines in watch.lines.items()},
        "functions": [[each.path, each.line, each.name] for each in watch.functions],
        "first": sorted(watch.first),
    }


class Witness(Heard):
    """Hears what was seen, beside how the tests ended: of tests that were asked for, of lines and functions that are looked at."""

    def __init__(self, watch: Watch, ids: Sequence[str]) -> None:
        super().__init__()
        self._watch = watch
        self._ids = frozenset(ids)
        self.lines: dict[str, dict[RepoPath, frozenset[int]]] = {}
        self.calls: list[Called] = []

    def take(self, message: Message) -> None:
        """Take in one message. Raises `ProtocolBroken` when it is malformed."""
        if message.type != "observed":
            super().take(message)
            return
        test = message.text("id")
        found = message.executed()
        if test and test not in self._ids:
            return
        self.lines[test] = {
            path: self.lines.get(test, {}).get(path, frozenset()) | run for path, run in self._of(found)
        }
        for call in message.parts("calls"):
            if len(self.calls) < _CALLS:
                self.calls.append(self._called(test, call))

    def _of(self, found: Mapping[str, frozenset[int]]) -> list[tuple[RepoPath, frozenset[int]]]:
        return [(path, run & self._watch.lines[path]) for path, run in found.items() if path in self._watch.lines]

    def _called(self, test: str, call: Message) -> Called:
        return Called(
            test,
            self._function(call.integer("function")),
            call.text("call")[:_CALL_CHARS],
            call.text("said")[:_SAID_CHARS],
            call.text("given")[:_DIGEST_CHARS],
            call.text("came")[:_DIGEST_CHARS],
        )

    def _function(self, number: int) -> Function:
        if number >= len(self._watch.functions):
            raise ProtocolBroken(f"function {number} from inside the sandbox is not one that is looked at")
        return self._watch.functions[number]
