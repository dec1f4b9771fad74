"""Measuring within a deadline: a run that the deadline ends is none, one that ends at its own limit is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from sandbox import Command, Limits, Sandbox
from tests.verifier.cases import FIX, case_of, report
from tests.verifier.project import PYTEST, opened, write
from verifier import InsideRunner, Ladder, Measure, OutOfTime, Ran, Suite, SuiteReport


@dataclass(slots=True)
class Clocked:
    """A runner whose suite takes `needs_s`, or as long as it may; the time of the case passes meanwhile."""

    left_s: float
    needs_s: float
    given: list[float | None] = field(default_factory=list)

    def run(
        self, sandbox: Sandbox, suite: Suite, ids: Sequence[str] | None = None, limits: Limits = Limits()
    ) -> SuiteReport:
        del sandbox, suite, ids
        assert limits.wall_s is not None
        self.given.append(limits.wall_s)
        self.left_s -= min(self.needs_s, limits.wall_s)
        if self.needs_s > limits.wall_s:
            return SuiteReport(Ran.TIMED_OUT, why=f"it ran for {limits.wall_s:g} s")
        return report({"test_a": "passed"})


def measure(runner: Clocked, own_s: float) -> Measure:
    case = replace(case_of(FIX), limits=Limits(wall_s=own_s), left_s=lambda: runner.left_s)
    return Measure(runner, case)


def test_each_run_gets_what_is_left_then_and_no_more() -> None:
    runner = Clocked(left_s=25.0, needs_s=10.0)
    runs = measure(runner, 20.0)
    assert [runs.report("tree", nth=nth).ran for nth in range(2)] == [Ran.COMPLETED] * 2
    with pytest.raises(OutOfTime, match="after 5 s"):
        runs.report("tree", nth=2)
    assert runner.given == [20.0, 15.0, 5.0]
    with pytest.raises(OutOfTime, match="no time is left"):
        runs.report("tree", nth=3)
    assert runs.report("tree").ran is Ran.COMPLETED, "what was measured stays"


def test_a_suite_that_hangs_by_itself_is_measured() -> None:
    runs = measure(Clocked(left_s=25.0, needs_s=3600.0), 20.0)
    assert runs.report("tree").ran is Ran.TIMED_OUT
    with pytest.raises(OutOfTime):
        runs.report("base")


def test_a_test_that_never_ends_on_the_base_does_not_use_up_the_time(tmp_path: Path) -> None:
    tests = "from lib import f\n\ndef test_loops(): assert f(7) == 16\ndef test_ends(): assert f(1) == 0\n"
    loop = "def f(n):\n    steps = 0\n    while n != 1:\n        n, steps = n // 2 if n % 2 == 0 else 3 * n {} 1, steps + 1\n    return steps\n"
    roots = {
        name: write(tmp_path / name, {"lib.py": loop.format(sign), "test_f.py": tests})
        for name, sign in (("base", "-"), ("tree", "+"))
    }
    case = replace(case_of(FIX, suite=PYTEST), open=lambda tree: opened(roots[tree]), limits=Limits(wall_s=600.0))
    runs = Measure(InsideRunner(), case)
    base = runs.report("base")
    assert base.ran is Ran.COMPLETED
    assert base.bad() == ("test_f.py::test_loops",)
    assert base.by_id()["test_f.py::test_loops"].message.startswith("TookTooLong: it was still running after 5 s")
    assert runs.report("tree").bad() == ()


def test_a_ladder_whose_time_ends_gives_no_verdict() -> None:
    runner = Clocked(left_s=25.0, needs_s=10.0)
    case = replace(case_of(FIX, failing=["test_a"]), limits=Limits(wall_s=20.0), left_s=lambda: runner.left_s)
    with pytest.raises(OutOfTime):
        Ladder(runner).judge(case)


def test_a_command_has_the_same_time(tmp_path: Path) -> None:
    root = write(tmp_path / "p", {"test_a.py": "import time\ndef test_a(): time.sleep(3600)\n"})
    case = replace(case_of(FIX, suite=PYTEST), open=lambda _: opened(root), left_s=lambda: 0.5)
    runs = Measure(InsideRunner(), case)
    with pytest.raises(OutOfTime):
        runs.command("base", Command(("sleep", "60")))
    with pytest.raises(OutOfTime):
        runs.report("base")
    assert runs.command("base", Command(("true",))).ok
