"""The repair agent over real suites in the real fork server, and after a crash."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from agents import NoFix, OutOfBudget, Proposal, RepairAgent, Stopped, Task
from agents.repair import Settings
from tests.agents.repair.folder import FolderWorkspace, opened
from verifier import OutOfTime, SuiteNotStarted, Trials, TrialsFactory
from verifier.forkserver import ForkServers

SHORT = Settings(batch=24, further_at_least=24)
CODE = """\
def total(items, start):
    # é: every item counts
    result = start
    for item in items[1:]:
        result += item
    return result


def clamp(x, low, high):
    if x < low:
        return low
    if x > high:
        return low
    return x
"""
TEST = """\
from m import clamp, total

def test_total(): assert total([1, 2, 3], 0) == 6
def test_total_of_nothing(): assert total([], 4) == 4
def test_clamp_above(): assert clamp(11, 0, 10) == 10
def test_clamp_below(): assert clamp(-1, 0, 10) == 0
def test_clamp_between(): assert clamp(4, 0, 10) == 4
"""
GOOD = CODE.replace("items[1:]", "items").replace("high:\n        return low", "high:\n        return high")
CLAMP = ("test_m.py::test_clamp_above",)


def work(folder: Path, files: Mapping[str, str | bytes], failing: tuple[str, ...]) -> tuple[object, FolderWorkspace]:
    with opened(folder, files) as (workspace, suite):
        return RepairAgent(ForkServers(), SHORT).work(Task("", suite, failing), workspace), workspace


def test_a_wrong_name_is_repaired_and_nothing_else_is_touched(tmp_path: Path) -> None:
    result, workspace = work(tmp_path, {"m.py": CODE, "test_m.py": TEST}, CLAMP)
    assert isinstance(result, Proposal)
    assert workspace.files["m.py"].decode() == CODE.replace("high:\n        return low", "high:\n        return high")
    assert list(result.change.paths()) == ["m.py"]
    assert result.title == "Replace `return low` by `return high` in clamp"
    assert "test_m.py::test_clamp_above failed" in result.explanation and "m.py:13" in result.explanation


@pytest.mark.parametrize(("encoding", "head"), [("utf-8-sig", ""), ("latin-1", "# coding: latin-1\r\n")])
def test_files_with_other_encodings_and_newlines_keep_them(tmp_path: Path, encoding: str, head: str) -> None:
    before = (head + CODE.replace("\n", "\r\n")).encode(encoding)
    result, workspace = work(tmp_path, {"m.py": before, "test_m.py": TEST}, CLAMP)
    assert isinstance(result, Proposal), result
    assert workspace.files["m.py"] == before.replace(b"high:\r\n        return low", b"high:\r\n        return high")


def test_without_a_failing_test_it_says_what_it_would_need(tmp_path: Path) -> None:
    result, _ = work(tmp_path, {"m.py": GOOD, "test_m.py": TEST}, ())
    assert isinstance(result, NoFix)
    assert "No test fails" in result.why and "--failing" in result.needs


def test_tests_that_fail_already_are_taken_when_none_is_named(tmp_path: Path) -> None:
    code = GOOD.replace("return high", "return low")
    result, workspace = work(tmp_path, {"m.py": code, "test_m.py": TEST}, ())
    assert isinstance(result, Proposal)
    assert workspace.files["m.py"].decode() == GOOD


def test_a_test_that_passes_already_is_no_bug(tmp_path: Path) -> None:
    result, _ = work(tmp_path, {"m.py": GOOD, "test_m.py": TEST}, CLAMP)
    assert isinstance(result, NoFix) and "pass already" in result.why


def test_what_no_small_edit_repairs_ends_honestly(tmp_path: Path) -> None:
    test = "from m import f\n\ndef test_f(): assert f('q') == 'a very long secret nobody wrote down'\n"
    result, workspace = work(tmp_path, {"m.py": "def f(x):\n    return x\n", "test_m.py": test}, ("test_m.py",))
    assert isinstance(result, NoFix) and "candidates were tried" in result.why
    assert workspace.files["m.py"] == b"def f(x):\n    return x\n"


def test_a_search_that_lacks_only_time_can_go_on(tmp_path: Path) -> None:
    test = "from m import f\n\ndef test_f(): assert f('q') == 'a very long secret nobody wrote down'\n"
    # All the seconds are kept for the end, so that the first batch is the last.
    settings = Settings(batch=4, reserve_share=1.0)
    with opened(tmp_path, {"m.py": "def f(x):\n    return x\n", "test_m.py": test}) as (workspace, suite):
        with pytest.raises(OutOfBudget, match="4 candidates were tried in 1 files and none passed"):
            RepairAgent(ForkServers(), settings).work(Task("", suite, ("test_m.py",)), workspace)
        again = FolderWorkspace(tmp_path, workspace.sandbox, suite, workspace.journal())
        assert isinstance(RepairAgent(ForkServers(), SHORT).work(Task("", suite, ("test_m.py",)), again), NoFix)


def test_a_test_that_waits_for_ever_ends_with_the_time_that_is_left(tmp_path: Path) -> None:
    test = "import time\nfrom m import f\n\ndef test_f():\n    time.sleep(300)\n    assert f(1) == 2\n"
    with opened(tmp_path, {"m.py": "def f(x):\n    return x\n", "test_m.py": test}) as (workspace, suite):
        workspace.give(4.0)
        # On a machine that is slow at that moment the seconds may be spent before the server has started.
        with pytest.raises((OutOfTime, OutOfBudget), match=r"it ran for|are spent"):
            RepairAgent(ForkServers(), SHORT).work(Task("", suite, ("test_m.py::test_f",)), workspace)


class _StopsAfter(FolderWorkspace):
    """Is stopped at its second batch, as by `kill`."""

    def note(self, kind: str, data: Mapping[str, object], *, progress: str = "") -> None:
        super().note(kind, data, progress=progress)
        self.stopped |= kind == "batch"


def test_a_second_life_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    files = {"m.py": CODE, "test_m.py": TEST}
    with opened(tmp_path, files) as (workspace, suite):
        task = Task("", suite, CLAMP)
        stopping = _StopsAfter(tmp_path, workspace.sandbox, suite)
        with pytest.raises(Stopped):
            RepairAgent(ForkServers(), SHORT).work(task, stopping)
        first = [step for step in stopping.journal() if step.kind == "note:batch"]
        again = FolderWorkspace(tmp_path, workspace.sandbox, suite, stopping.journal())
        assert isinstance(RepairAgent(ForkServers(), SHORT).work(task, again), Proposal)
        kinds = [step.kind for step in again.journal()]
        done = [int(str(step.data["done"])) for step in again.journal() if step.kind == "note:batch"]
    assert len(first) == 1 and kinds.count("note:diagnosis") == 1
    assert done == sorted(set(done))


class _Refuses:
    def start(self, *_: object) -> Trials:
        raise SuiteNotStarted("no fork server here")


def test_without_a_fork_server_each_candidate_is_a_run_of_the_suite(tmp_path: Path) -> None:
    code = "def f(x):\n    return x.uper()\n"
    test = "from m import f\n\ndef test_f(): assert f('a') == 'A'\n"
    factory: TrialsFactory = _Refuses()
    with opened(tmp_path, {"m.py": code, "test_m.py": test}) as (workspace, suite):
        settings = Settings(batch=4, further_at_least=0, further=0.0)
        result = RepairAgent(factory, settings).work(Task("", suite), workspace)
    assert isinstance(result, Proposal), result
    assert workspace.files["m.py"] == code.replace("uper", "upper").encode()
