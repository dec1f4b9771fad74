"""Candidates that share a process: what one leaves behind never decides on another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.verifier.project import LIMITS, PYTEST, UNITTEST, opened, replacing, write
from verifier import Candidate, Ending, ForkServers, Trial
from verifier.forkserver import ForkTrials

LIB = """
    import functools, os, sys, threading, time

    SEEN = []

    def double(n):
        return n + 1

    @functools.lru_cache(maxsize=None)
    def cached(n):
        return double(n)

    def noted(n):
        return double(n) + len(SEEN)

    def stepped(n, step=1):
        return n + step
"""
TESTS = """
    import os, pytest, lib

    CALLS = []

    @pytest.fixture
    def number(tmp_path):
        return 5
    def test_plain(): assert lib.double(5) == 10
    def test_fixture(number): assert lib.double(number) == 10
    def test_cached(): assert lib.cached(5) == 10
    def test_noted(): assert lib.noted(5) == 10 and os.path.exists("lib.py")
    def test_counted():
        CALLS.append(1)
        assert lib.double(5) == 10 and len(CALLS) == 1
    def test_step(): assert lib.stepped(4) == 6
"""
RIGHT = "return 2 * n"
WRONG = "return n - {}"
TOLD = "raise ValueError(os.getpid(), {})"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("sharing") / "p", {"lib.py": LIB, "test_lib.py": TESTS})


@pytest.fixture(scope="module")
def trials(library: Path) -> Iterator[ForkTrials]:
    with opened(library) as sandbox, ForkServers().start(sandbox, PYTEST, LIMITS) as trials:
        yield trials


def try_all(
    trials: ForkTrials, root: Path, test: str, texts: Sequence[str], before: str = "return n + 1"
) -> list[Trial]:
    """Try texts in a place of the library; the candidates before are there for the look at the test to be done."""
    first = [Candidate((replacing(root, "lib.py", before, f"return n - {at}"),)) for at in range(50, 54)]
    list(trials.run(first, [test], cpu_s=0.5))
    return list(
        trials.run([Candidate((replacing(root, "lib.py", before, text),)) for text in texts], [test], cpu_s=0.5)
    )


@pytest.mark.parametrize("test", ["test_plain", "test_fixture"])
def test_candidates_share_processes_where_the_test_leaves_nothing_behind(
    trials: ForkTrials, library: Path, test: str
) -> None:
    done = try_all(trials, library, f"test_lib.py::{test}", [TOLD.format(at) for at in range(40)])
    assert {trial.ending for trial in done} == {Ending.FAILED}
    assert len({trial.message.partition(",")[0] for trial in done}) < 30


@pytest.mark.parametrize("test", ["test_cached", "test_counted"])
def test_they_share_none_where_a_second_run_differs_from_the_first(
    trials: ForkTrials, library: Path, test: str
) -> None:
    texts = [TOLD.format(at) for at in range(20)] + [RIGHT]
    done = try_all(trials, library, f"test_lib.py::{test}", texts)
    assert [trial.ending for trial in done] == [Ending.FAILED] * 20 + [Ending.PASSED]
    assert len({trial.message.partition(",")[0] for trial in done}) == 21


DIRT = {
    "SEEN.append(n); return n": Ending.FAILED,
    "os.chdir('/'); return n": Ending.FAILED,
    "os.environ['X'] = 'y'; return n": Ending.FAILED,
    "threading.Thread(target=time.sleep, args=(99,), daemon=True).start(); return n": Ending.FAILED,
    "double.__code__ = stepped.__code__; return n": Ending.FAILED,
    "while True: pass": Ending.TIMED_OUT,
    "exec('while True:\\n try:\\n  while True: pass\\n except BaseException: pass')": Ending.TIMED_OUT,
    "os._exit(0)": Ending.DIED,
    "os.kill(os.getpid(), 9)": Ending.DIED,
    "os.closerange(3, 4096); return n": Ending.DIED,
    "sys.settrace(None); return n": Ending.FAILED,
}


@pytest.mark.parametrize("dirt", DIRT)
def test_what_a_candidate_leaves_behind_decides_on_no_other(trials: ForkTrials, library: Path, dirt: str) -> None:
    texts = [*(WRONG.format(at) for at in range(6)), dirt, RIGHT, *(WRONG.format(at) for at in range(6, 12)), RIGHT]
    done = try_all(trials, library, "test_lib.py::test_noted", texts)
    expected = [Ending.PASSED if text == RIGHT else DIRT.get(text, Ending.FAILED) for text in texts]
    assert [trial.ending for trial in done] == expected


def test_defaults_are_put_back_too(trials: ForkTrials, library: Path) -> None:
    texts = ["step=3", "step=2", "step=4", "step=2", "step=7"]
    done = try_all(trials, library, "test_lib.py::test_step", texts, "step=1")
    assert [trial.ending for trial in done] == [Ending.PASSED if text == "step=2" else Ending.FAILED for text in texts]


def test_what_passes_the_few_tests_is_tried_with_all(trials: ForkTrials, library: Path) -> None:
    names = ("test_plain", "test_fixture", "test_cached", "test_noted", "test_step")
    tests = [f"test_lib.py::{name}" for name in names]
    edits = [replacing(library, "lib.py", "return n + 1", text) for text in (RIGHT, "return 10 * (n == 5)")]
    step = replacing(library, "lib.py", "step=1", "step=2")
    done = list(trials.run([*(Candidate((edit,)) for edit in edits * 5), Candidate((edits[0], step))], tests))
    assert [trial.ending for trial in done] == [Ending.FAILED] * 10 + [Ending.PASSED]
    assert {trial.failed for trial in done[:10]} == {(tests[4],)}


def test_tests_of_unittest_share_a_process_too(tmp_path: Path) -> None:
    tests = """
        import unittest, lib
        class T(unittest.TestCase):
            def setUp(self): self.number = 5
            def test_plain(self): self.assertEqual(lib.double(self.number), 10)
    """
    root = write(tmp_path / "p", {"lib.py": LIB, "test_lib.py": tests})
    with opened(root) as sandbox, ForkServers().start(sandbox, UNITTEST, LIMITS) as trials:
        texts = [TOLD.format(at) for at in range(40)] + [RIGHT, WRONG]
        done = try_all(trials, root, "test_lib.T.test_plain", texts)
    assert [trial.ending for trial in done[39:]] == [Ending.FAILED, Ending.PASSED, Ending.FAILED]
    assert len({trial.message.partition(",")[0] for trial in done[:40]}) < 30
