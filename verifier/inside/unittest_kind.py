"""Run a unittest suite in this process and report every test; or load it and hand over to a server that forks."""

from __future__ import annotations

import re
import time
import unittest
from typing import TYPE_CHECKING, Any, Callable, Iterator

from . import patience, plain, words

if TYPE_CHECKING:
    Send = Callable[[dict[str, Any]], None]
    Serve = Callable[["Engine"], None]

_clock = time.perf_counter
_FAILED_IMPORT = "unittest.loader._FailedTest."


class Result(unittest.TestResult):
    """Reports each test as one result; failing subtests make their test fail."""

    def __init__(self, send: Send, tree: words.Tree, stop: bool, detail: bool = True) -> None:
        super().__init__()
        self._detail = detail
        self._send = send
        self._tree = tree
        self._stop = stop
        self.bad: list[str] = []
        self._now: dict[str, Any] | None = None
        self._began = 0.0
        self._seen: set[str] = set()
        self._fixtures: list[dict[str, Any]] = []

    def complete(self, ids: list[str]) -> None:
        """Report the tests that never started because the set-up of their class or module failed or skipped."""
        for test_id in ids:
            if words.short_id(test_id) in self._seen:
                continue
            for said in self._fixtures:
                if test_id.startswith(said["id"] + "."):
                    self._emit({**said, "id": words.short_id(test_id)})
                    break

    def startTest(self, test: Any) -> None:
        super().startTest(test)
        self._send({"t": "start", "id": words.short_id(_id(test))})
        self._now = words.result(_id(test), "passed")
        self._began = _clock()

    def stopTest(self, test: Any) -> None:
        now, self._now = self._now, None
        super().stopTest(test)
        if now is not None:
            now["seconds"] = _clock() - self._began
            self._emit(now)

    def addError(self, test: Any, err: Any) -> None:
        if self._detail:
            super().addError(test, err)
        failed_import = type(test).__name__ == "_FailedTest"
        self._failed(test, "error" if self._now is None or failed_import else "failed", err)

    def addFailure(self, test: Any, err: Any) -> None:
        if self._detail:
            super().addFailure(test, err)
        self._failed(test, "failed", err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._failed(test, "failed", err, prefix=subtest._subDescription() + ": ")

    def addSkip(self, test: Any, reason: str) -> None:
        super().addSkip(test, reason)
        self._said(test, "skipped", reason)

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        super().addExpectedFailure(test, err)
        self._said(test, "xfailed", words.message_of(err[0], err[1]))

    def addUnexpectedSuccess(self, test: Any) -> None:
        super().addUnexpectedSuccess(test)
        # A strict expectation: unittest counts it as a failure of the run.
        self._said(test, "failed", "unexpected success")

    def _failed(self, test: Any, outcome: str, err: Any, prefix: str = "") -> None:
        if self._now is not None and self._now["outcome"] in ("failed", "error"):
            return
        kind, value, trace = err
        if not self._detail:
            self._said(test, outcome, prefix + words.brief(value))
            return
        output = self._exc_info_to_string(err, test)  # type: ignore[attr-defined]
        frames = self._tree.frames(value, trace)
        self._said(test, outcome, prefix + words.message_of(kind, value), frames, output)

    def _said(self, test: Any, outcome: str, message: str, frames: Any = (), output: str = "") -> None:
        said = words.result(_id(test), outcome, 0.0, message, frames, output)
        if self._now is None:
            # The set-up of a class or a module: there is no test that stops later.
            self._fixtures.append(said)
            self._emit(said)
        else:
            self._now = said

    def _emit(self, said: dict[str, Any]) -> None:
        self._seen.add(said["id"])
        if said["outcome"] in ("failed", "error"):
            self.bad.append(said["id"])
            if self._stop:
                self.stop()
        self._send(said)


def _id(test: Any) -> str:
    test_id = test.id()
    if test_id.startswith(_FAILED_IMPORT):
        return str(test_id[len(_FAILED_IMPORT) :])
    fixture = re.match(r"\w+ \((.+)\)$", test_id)
    return fixture.group(1) if fixture else str(test_id)


def _flat(suite: Any) -> Iterator[Any]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _flat(test)
        else:
            yield test


def _is_test(test: Any) -> bool:
    return type(test).__name__ != "_FailedTest"


class Program(unittest.TestProgram):
    """`python -m unittest` up to the point where the tests would run."""

    test: Any

    def runTests(self) -> None:
        """Leave the loaded suite in `test`."""


class Engine:
    """The loaded suite, ready to run any of its tests in a forked child."""

    def __init__(self, suite: Any, tree: words.Tree) -> None:
        self._tree = tree
        self._tests = {words.short_id(_id(test)): test for test in _flat(suite)}
        self.ids = [test_id for test_id, test in self._tests.items() if _is_test(test)]

    def choose(self, asked: list[str]) -> list[str] | None:
        """Return the loaded ids that `asked` choose, in order; None when one of `asked` chooses nothing."""
        return words.choose(self.ids, asked, ".")

    def rewritten(self, module: Any) -> bool:
        """Say whether a test runner compiled this module itself: unittest does not."""
        del module
        return False

    def run(self, ids: list[str], send: Send, stop: bool, detail: bool, scratch: str) -> None:
        """Run tests in this process, which ends afterwards."""
        del scratch
        result = Result(send, self._tree, stop, detail)
        unittest.TestSuite(self._tests[test_id] for test_id in ids).run(result)
        result.complete(ids)


def run(request: dict[str, Any], send: Send, serve: Serve | None = None) -> int:
    """Run the suite that `request` describes (`args`, `ids`, `root`, `stop`), or serve it; return the exit status."""
    arguments = list(request["args"])
    plain.stand_in("unittest", arguments)
    program = Program(module=None, argv=["python -m unittest", *arguments], exit=False)
    tree = words.Tree(request["root"])
    suite: Any = program.test
    ids = request.get("ids")
    if ids is not None:
        choice = words.Choice(ids, ".")
        suite = unittest.TestSuite(test for test in _flat(suite) if words.short_id(_id(test)) in choice)
    tests = list(_flat(suite))
    words.collected([_id(test) for test in tests if _is_test(test)], send)
    if serve is not None:
        serve(Engine(suite, tree))
        return 0
    if not tests:
        return 5
    patient = patience.Patience(send, request["each_s"]) if request.get("each_s") else None
    result = Result(patient or send, tree, bool(request.get("stop")))
    result.buffer = bool(program.buffer)
    if patient is not None:
        patient.begin()
    suite.run(result)
    if patient is not None:
        patient.end()
    result.complete([_id(test) for test in tests])
    return 1 if result.bad else 0
