"""Candidates tested per second on the demo's library: the fork server against one pytest process for each, both without plugins."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from sandbox import Command, Limits, LocalDriver, Root, Sandbox
from tests.bench.target import Target
from verifier import Candidate, Edit, ForkServers, InsideRunner, Suite

TEST = "tests/test_mathutils.py::test_bits"
PLAIN = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
LIMITS = Limits(wall_s=None)


@dataclass(frozen=True, slots=True)
class Served:
    """What a fork server took: seconds for its candidates, and CPU seconds from its start to its end."""

    wall_s: float
    cpu_s: float


def measure(quick: bool, data: Path | None = None) -> list[Target]:
    """Take all figures."""
    del data
    return list(rate(quick))


def rate(quick: bool) -> Iterator[Target]:
    """Yield the rate of candidates against one process for each, and the CPU that each costs beyond its tests."""
    from tests.bench.main import demo_repository

    repository = demo_repository()
    count, processes = (150, 8) if quick else (600, 24)
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(repository, copy, symlinks=True)
        shown = (Path(sys.base_prefix),)
        with LocalDriver(Path(folder) / "scratch").open(Root(copy, repository, readonly=shown)) as sandbox:
            yield from _compare(sandbox, repository, count, processes)


def _compare(sandbox: Sandbox, repository: Path, count: int, processes: int) -> Iterator[Target]:
    suite = Suite("pytest", ("tests",), str(repository / ".venv" / "bin" / "python"), environment=PLAIN)
    candidates = list(islice(cycle(_candidates(repository, f"{repository.name}/mathutils.py")), count))
    _serve(sandbox, suite, candidates[:1])
    idle, busy = _serve(sandbox, suite, candidates[:1]), _serve(sandbox, suite, candidates)
    tests_s = sum(test.seconds for test in InsideRunner().run(sandbox, suite, [TEST], LIMITS).tests)
    each_s, each_cpu_s = _processes(sandbox, suite, processes)
    served_s = busy.wall_s / count
    beside = {
        "candidates, per s": 1 / served_s,
        "processes, per s": 1 / each_s,
        "process, ms of CPU": 1000 * each_cpu_s,
    }
    yield Target(
        "candidates tested per second in the fork server", "times one pytest process for each", 10.0, each_s / served_s,
        beside, least=True,
    )  # fmt: skip
    overhead_s = (busy.cpu_s - idle.cpu_s) / (count - 1) - tests_s
    yield Target("CPU of a candidate beyond the tests themselves", "ms", 5.0, 1000 * overhead_s,
                 {"tests, ms": 1000 * tests_s})  # fmt: skip


def _candidates(repository: Path, edited: str) -> list[Candidate]:
    """Return one-operator edits inside the methods of the class under test."""
    data = (repository / edited).read_bytes()
    start = data.index(b"    def __init__", data.index(b"class Bits"))
    end = data.index(b"    def __repr__", start)
    candidates = []
    for found in re.finditer(rb" (>=|<=|==|!=|>|<|\+|-|\*|%|and|or|is) ", data[start:end]):
        at = (start + found.start(1), start + found.end(1))
        candidates += [
            Candidate((Edit(edited, *at, text),)) for text in ("<", ">=", "!=") if text.encode() != found.group(1)
        ]
    return candidates


def _serve(sandbox: Sandbox, suite: Suite, candidates: list[Candidate]) -> Served:
    before = sandbox.used().cpu_s
    with ForkServers().start(sandbox, suite, LIMITS) as trials:
        began = time.perf_counter()
        endings = [trial.ending for trial in trials.run(candidates, [TEST])]
        wall_s = time.perf_counter() - began
        assert len(endings) == len(candidates)
        # The sandbox's meter looks at intervals: what it has not seen yet is not lost.
        time.sleep(0.6)
    return Served(wall_s, sandbox.used().cpu_s - before)


def _processes(sandbox: Sandbox, suite: Suite, count: int) -> tuple[float, float]:
    """Return the seconds and CPU seconds of one pytest process, as many at a time as there are cores."""
    one = f"{suite.python} -m pytest -x -q -p no:cacheprovider '{TEST}' >/dev/null"
    line = f'seq {count} | xargs -P {len(os.sched_getaffinity(0))} -I@ sh -c "{one} || true"'
    began = time.perf_counter()
    done = sandbox.run(Command(("sh", "-c", line), environment=PLAIN), LIMITS)
    assert done.ok, done
    return (time.perf_counter() - began) / count, done.usage.cpu_s / count
