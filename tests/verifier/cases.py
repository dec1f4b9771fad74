"""Cases for the ladder made from two dictionaries of files, with a runner and a sandbox that need no machine."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from sandbox import Command, Completed, Ended, Limits, Process, Sandbox, Usage
from shadowfs import Change, Entry, FileChange
from verifier import Case, Outcome, Ran, Suite, SuiteReport, TestResult

Files = Mapping[str, str | bytes]
FILE = 0o100644


@dataclass(frozen=True, slots=True)
class Texts:
    """Blobs by id, where the id is made from the content."""

    blobs: dict[str, bytes] = field(default_factory=dict)

    def put(self, data: str | bytes) -> str:
        """Keep content and return its id."""
        raw = data if isinstance(data, bytes) else data.encode()
        self.blobs[raw.hex()] = raw
        return raw.hex()

    def read(self, blob: str) -> bytes:
        """Return the bytes of `blob`."""
        return self.blobs[blob]


def change_of(before: Files, after: Files, modes: Mapping[str, int] = {}) -> Change:
    """Return the change between two sets of files."""
    texts = Texts()
    entries = [
        {path: Entry(modes.get(path, FILE), texts.put(data)) for path, data in side.items()} for side in (before, after)
    ]
    old, new = entries
    paths = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    return Change("base", "tree", tuple(FileChange(path, old.get(path), new.get(path)) for path in paths), texts)


class PlainSandbox:
    """A sandbox for trusted commands of tests: a subprocess, no isolation."""

    driver = "plain"
    host = ""

    def __init__(self, tree: str) -> None:
        self.tree = tree
        self.root = Path("/")

    def put(self, name: str, data: bytes) -> str:
        raise NotImplementedError

    def run(self, command: Command, limits: Limits = Limits()) -> Completed:
        try:
            done = subprocess.run(
                command.argv, input=command.stdin, capture_output=True, timeout=limits.wall_s, check=False
            )
        except FileNotFoundError as error:
            return Completed(Ended.NOT_STARTED, None, why=str(error))
        return Completed(Ended.EXITED, done.returncode, done.stdout, done.stderr)

    def start(self, command: Command, limits: Limits = Limits()) -> Process:
        raise NotImplementedError

    def used(self) -> Usage:
        return Usage()

    def close(self) -> None: ...
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...


Say = Callable[[str, Sequence[str] | None, int], SuiteReport]


@dataclass(slots=True)
class TreeRunner:
    """A runner whose answers a function makes from the tree, the ids and how often that was asked before."""

    say: Say
    asked: list[tuple[str, tuple[str, ...] | None]] = field(default_factory=list)

    def run(
        self, sandbox: Sandbox, suite: Suite, ids: Sequence[str] | None = None, limits: Limits = Limits()
    ) -> SuiteReport:
        del suite, limits
        assert isinstance(sandbox, PlainSandbox)
        key = (sandbox.tree, None if ids is None else tuple(ids))
        nth = self.asked.count(key)
        self.asked.append(key)
        return self.say(sandbox.tree, ids, nth)


def report(
    outcomes: Mapping[str, str], *, collected: Sequence[str] | None = None, ran: Ran = Ran.COMPLETED
) -> SuiteReport:
    """Return the report of a run whose tests ended like this (`failed: message` gives a message)."""
    tests = []
    for test, said in outcomes.items():
        outcome, _, message = said.partition(": ")
        tests.append(TestResult(test, Outcome(outcome), message=message))
    return SuiteReport(ran, tuple(tests), tuple(outcomes) if collected is None else tuple(collected))


def steady(base: Mapping[str, str], tree: Mapping[str, str]) -> TreeRunner:
    """Return a runner under which every test does the same each time."""

    def say(at: str, ids: Sequence[str] | None, nth: int) -> SuiteReport:
        del nth
        outcomes = base if at == "base" else tree
        chosen = {test: said for test, said in outcomes.items() if ids is None or test in ids}
        return report(chosen) if chosen else SuiteReport(Ran.NOTHING_COLLECTED)

    return TreeRunner(say)


def case_of(
    change: Change,
    *,
    failing: Sequence[str] = (),
    suite: Suite = Suite("pytest"),
    protected: Sequence[str] = (),
    allowed: Sequence[str] = (),
    repeats: int = 3,
) -> Case:
    """Return a case over plain sandboxes."""

    @contextmanager
    def open_tree(tree: str) -> Iterator[Sandbox]:
        yield PlainSandbox(tree)

    return Case(change, suite, open_tree, tuple(failing), frozenset(protected), frozenset(allowed), repeats=repeats)


FIX = change_of({"lib.py": "x = 1\n"}, {"lib.py": "x = 2\n"})
"""A change that only touches the product."""
