"""Trials in a fork server over real suites: every way in which an edit is put in place, and candidates that misbehave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.verifier.project import LIMITS, PYTEST, UNITTEST, opened, replacing, write
from verifier import Candidate, Edit, Ending, ForkServers, Outcome, Ran, Suite, SuiteNotStarted, Trial
from verifier.forkserver import ForkTrials

LIB = """
    import functools

    LIMIT = 10

    def decorated(function):
        @functools.wraps(function)
        def wrapper(*args):
            return function(*args) + 0
        return wrapper

    def registered(function):
        return function

    def add(a, b):
        return a - b

    @decorated
    def wrapped(a):
        return a - 1

    def outer(a):
        def inner(b):
            return a - b
        return inner

    CLOSURE = outer(1)

    def numbers(n):
        yield n - 1

    async def later(a):
        return a - 1

    def default(a, step=2, *, scale=1):
        return (a + step) * scale

    def table():
        return [1, 2, 4]

    TABLE = table()

    class Base:
        def start(self): return 1

    class Thing(Base):
        kind = "wrong"
        __secret = 5

        def start(self):
            return super().start() - 1

        def mangled(self):
            return self.__secret - 1

        @property
        def size(self): return 0

        @staticmethod
        def still(): return 0

        @classmethod
        def called(cls): return cls.__name__.upper()

    if LIMIT:
        def guarded(): return 0
"""

TESTS = """
    import asyncio
    import pytest
    import lib

    def test_add(): assert lib.add(1, 2) == 3
    def test_wrapped(): assert lib.wrapped(1) == 2
    def test_closure(): assert lib.CLOSURE(2) == 3
    def test_numbers(): assert list(lib.numbers(1)) == [2]
    def test_later(): assert asyncio.run(lib.later(1)) == 2
    def test_default(): assert lib.default(1) == 2
    def test_scale(): assert lib.default(1) == 6
    def test_table(): assert lib.TABLE == [1, 2, 3]
    def test_limit(): assert lib.LIMIT == 11
    def test_kind(): assert lib.Thing.kind == "right"
    def test_super(): assert lib.Thing().start() == 2
    def test_mangled(): assert lib.Thing().mangled() == 6
    def test_size(): assert lib.Thing().size == 1
    def test_still(): assert lib.Thing.still() == 1
    def test_called(): assert lib.Thing.called() == "thing"
    def test_guarded(): assert lib.guarded() == 1
    @pytest.fixture
    def base(tmp_path): return 1
    def test_fixture(base, capsys):
        print("x")
        assert lib.add(base, 2) == 3 and capsys.readouterr().out
    @pytest.mark.parametrize("x", [1, 2])
    def test_cases(x): assert lib.add(x, 0) == x
    def test_fine(): pass
"""

EDITS = {
    "test_add": ("return a - b\n\n    @decorated", "return a + b\n\n    @decorated"),
    "test_wrapped": ("def wrapped(a):\n    return a - 1", "def wrapped(a):\n    return a + 1"),
    "test_closure": ("def inner(b):\n        return a - b", "def inner(b):\n        return a + b"),
    "test_numbers": ("yield n - 1", "yield n + 1"),
    "test_later": ("async def later(a):\n    return a - 1", "async def later(a):\n    return a + 1"),
    "test_default": ("step=2", "step=1"),
    "test_scale": ("scale=1", "scale=2"),
    "test_table": ("[1, 2, 4]", "[1, 2, 3]"),
    "test_limit": ("LIMIT = 10", "LIMIT = 11"),
    "test_kind": ('"wrong"', '"right"'),
    "test_super": ("super().start() - 1", "super().start() + 1"),
    "test_mangled": ("self.__secret - 1", "self.__secret + 1"),
    "test_size": ("def size(self): return 0", "def size(self): return 1"),
    "test_still": ("def still(): return 0", "def still(): return 1"),
    "test_called": (".upper()", ".lower()"),
    "test_guarded": ("def guarded(): return 0", "def guarded(): return 1"),
    "test_fixture": ("def add(a, b):\n    return a - b", "def add(a, b):\n    return a + b"),
}


@contextmanager
def served(root: Path, suite: Suite = PYTEST) -> Iterator[ForkTrials]:
    with opened(root) as sandbox, ForkServers().start(sandbox, suite, LIMITS) as trials:
        yield trials


def try_all(trials: ForkTrials, edits: Sequence[Edit], test: str, cpu_s: float = 5.0) -> list[Trial]:
    return list(trials.run([Candidate((edit,)) for edit in edits], [test], cpu_s=cpu_s))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("library") / "p", {"lib.py": LIB, "test_lib.py": TESTS})


@pytest.fixture(scope="module")
def trials(library: Path) -> Iterator[ForkTrials]:
    with served(library) as trials:
        yield trials


@pytest.mark.parametrize("test", EDITS)
def test_an_edit_takes_effect_wherever_it_stands(trials: ForkTrials, library: Path, test: str) -> None:
    before, after = EDITS[test]
    before, after = before.replace("\n\n    @", "\n\n@"), after.replace("\n\n    @", "\n\n@")
    right = replacing(library, "lib.py", before, after)
    nothing = Edit("lib.py", right.start, right.start, "")
    done = try_all(trials, [nothing, right], f"test_lib.py::{test}")
    assert [trial.ending for trial in done] == [Ending.FAILED, Ending.PASSED], done
    assert done[0].failed == (f"test_lib.py::{test}",)
    assert done[0].message.startswith(("AssertionError", "assert"))


def test_every_test_is_collected_and_the_baseline_tells_each(trials: ForkTrials) -> None:
    report = trials.baseline()
    assert report.ran is Ran.COMPLETED
    assert tuple(test.id for test in report.tests) == trials.collected
    good = {test.id.partition("::")[2] for test in report.tests if not test.outcome.bad}
    assert good == {"test_cases[1]", "test_cases[2]", "test_fine"}
    frames = report.by_id()["test_lib.py::test_add"].frames
    assert [frame.path for frame in frames] == ["test_lib.py"]


def test_no_candidate_is_seen_by_the_next(trials: ForkTrials, library: Path) -> None:
    right = replacing(library, "lib.py", "yield n - 1", "yield n + 1")
    wrong = replacing(library, "lib.py", "yield n - 1", "yield n - 2")
    done = try_all(trials, [right, wrong] * 10, "test_lib.py::test_numbers")
    assert [trial.ending for trial in done] == [Ending.PASSED, Ending.FAILED] * 10
    assert [trial.candidate.edits[0] for trial in done] == [right, wrong] * 10


def test_edits_of_one_candidate_work_together(trials: ForkTrials, library: Path) -> None:
    both = Candidate(
        (
            replacing(library, "lib.py", "yield n - 1", "yield n + 1"),
            replacing(library, "lib.py", "scale=1", "scale=2"),
        )
    )
    tests = ["test_lib.py::test_numbers", "test_lib.py::test_scale"]
    assert [trial.ending for trial in trials.run([both], tests)] == [Ending.PASSED]


@pytest.mark.parametrize("text", ["yield n +", "yield n)", "\0"])
def test_what_does_not_compile_is_inapplicable(trials: ForkTrials, library: Path, text: str) -> None:
    edits = [
        replacing(library, "lib.py", "yield n - 1", text),
        replacing(library, "lib.py", "LIMIT = 10", "LIMIT = )" + text),
    ]
    done = try_all(trials, edits, "test_lib.py::test_numbers")
    assert [trial.ending for trial in done] == [Ending.INAPPLICABLE] * 2


BAD = {
    "while True: pass": Ending.TIMED_OUT,
    "import os; os._exit(0)": Ending.DIED,
    "import ctypes; ctypes.string_at(0)": Ending.DIED,
    "import os; os.closerange(0, 4096)": Ending.DIED,
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)": Ending.DIED,
    "raise SystemExit": Ending.FAILED,
    "return list(numbers(n))": Ending.FAILED,
    "x = ['x' * 100_000_000 for _ in range(100)]": Ending.FAILED,
    "import subprocess; subprocess.Popen(['sleep', '1000']); return []": Ending.FAILED,
}


@pytest.mark.parametrize("text", BAD)
def test_a_candidate_that_misbehaves_is_told_and_spoils_nothing(trials: ForkTrials, library: Path, text: str) -> None:
    wrong = replacing(library, "lib.py", "yield n - 1", text)
    right = replacing(library, "lib.py", "yield n - 1", "yield n + 1")
    done = try_all(trials, [wrong, right], "test_lib.py::test_numbers", cpu_s=0.5)
    assert [trial.ending for trial in done] == [BAD[text], Ending.PASSED], done


def test_all_failures_are_told_when_asked_for(trials: ForkTrials, library: Path) -> None:
    wrong = Candidate((replacing(library, "lib.py", "yield n - 1", "yield n - 2"),))
    tests = ["test_lib.py::test_numbers", "test_lib.py::test_fine", "test_lib.py::test_add"]
    assert [trial.failed for trial in trials.run([wrong], tests)] == [(tests[2],)]
    assert [set(trial.failed) for trial in trials.run([wrong], tests, all_failures=True)] == [{tests[0], tests[2]}]


def test_a_search_that_stops_early_leaves_the_server_ready(trials: ForkTrials, library: Path) -> None:
    wrong = replacing(library, "lib.py", "yield n - 1", "while True: pass")
    search = trials.run([Candidate((wrong,))] * 100, ["test_lib.py::test_numbers"], cpu_s=0.2)
    assert next(search).ending is Ending.TIMED_OUT
    search.close()  # type: ignore[attr-defined]
    right = replacing(library, "lib.py", "yield n - 1", "yield n + 1")
    assert try_all(trials, [right], "test_lib.py::test_numbers")[0].ending is Ending.PASSED


def test_coverage_names_the_lines_of_the_files_that_failing_tests_execute(trials: ForkTrials, library: Path) -> None:
    failing, passing = "test_lib.py::test_numbers", "test_lib.py::test_cases[1]"
    lines = trials.coverage([failing], [passing, "test_lib.py::test_fine"], 30.0).lines
    text = (library / "lib.py").read_text().splitlines()
    assert {text[line - 1].strip() for line in lines[failing]["lib.py"]} >= {"yield n - 1"}
    assert {text[line - 1].strip() for line in lines[passing]["lib.py"]} >= {"return a - b"}
    assert "yield n - 1" not in {text[line - 1].strip() for line in lines[passing]["lib.py"]}
    assert "lib.py" not in lines["test_lib.py::test_fine"]


def test_a_test_that_now_skips_is_no_success(tmp_path: Path) -> None:
    files = {
        "lib.py": "def works():\n    return False\n",
        "test_lib.py": """
            import pytest, lib
            def test_a():
                if lib.works() is None:
                    pytest.skip("not here")
                assert lib.works()
        """,
    }
    root = write(tmp_path / "p", files)
    with served(root) as trials:
        assert trials.baseline().bad() == ("test_lib.py::test_a",)
        done = try_all(trials, [replacing(root, "lib.py", "False", "None")], "test_lib.py::test_a")
    assert [(trial.ending, trial.failed) for trial in done] == [(Ending.FAILED, ("test_lib.py::test_a",))]


def test_a_test_whose_import_fails_is_repaired_by_importing_anew(tmp_path: Path) -> None:
    files = {
        "lib.py": "def wrong_name():\n    return 1\n",
        "test_lib.py": "from lib import right_name\ndef test_a(): assert right_name() == 1\n",
        "test_other.py": "def test_b(): pass\n",
    }
    root = write(tmp_path / "p", files)
    with served(root) as trials:
        assert trials.collected == ("test_other.py::test_b",)
        assert trials.baseline().by_id()["test_lib.py"].outcome is Outcome.ERROR
        done = try_all(trials, [replacing(root, "lib.py", "wrong_name", "right_name")], "test_lib.py::test_a")
    assert [trial.ending for trial in done] == [Ending.PASSED]


def test_a_helper_that_pytest_rewrote_is_edited_too(tmp_path: Path) -> None:
    files = {
        "conftest.py": "import pytest\n@pytest.fixture\ndef number():\n    return 1\n",
        "test_a.py": "def test_a(number): assert number == 2\n",
    }
    root = write(tmp_path / "p", files)
    with served(root) as trials:
        done = try_all(trials, [replacing(root, "conftest.py", "return 1", "return 2")], "test_a.py::test_a")
    assert [trial.ending for trial in done] == [Ending.PASSED], done


def test_a_source_layout_with_package_and_future_annotations(tmp_path: Path) -> None:
    files = {
        "conftest.py": "import sys\nsys.path.insert(0, 'src')\n",
        "src/agents/__init__.py": "from agents.core import double\n",
        "src/agents/core.py": """
            from __future__ import annotations
            def double(x: Undefined) -> Undefined:
                def inner(y: Undefined): return y + 1
                return inner(x)
        """,
        "tests/test_a.py": "import agents\ndef test_a(): assert agents.double(3) == 6\n",
    }
    root = write(tmp_path / "p", files)
    with served(root) as trials:
        edit = replacing(root, "src/agents/core.py", "y + 1", "y * 2")
        assert try_all(trials, [edit], "tests/test_a.py::test_a")[0].ending is Ending.PASSED


def test_unittest_suites_are_served_alike(tmp_path: Path) -> None:
    files = {
        "lib.py": "LIMIT = 1\ndef add(a, b):\n    return a - b\n",
        "test_lib.py": """
            import unittest, lib
            class T(unittest.TestCase):
                def test_add(self): self.assertEqual(lib.add(1, 2), 3)
                def test_limit(self): self.assertEqual(lib.LIMIT, 2)
        """,
    }
    root = write(tmp_path / "p", files)
    with served(root, UNITTEST) as trials:
        assert trials.collected == ("test_lib.T.test_add", "test_lib.T.test_limit")
        assert trials.baseline().bad() == trials.collected
        edits = [replacing(root, "lib.py", "a - b", text) for text in ("a * b", "a + b")]
        assert [trial.ending for trial in try_all(trials, edits, "test_lib.T.test_add")] == [
            Ending.FAILED,
            Ending.PASSED,
        ]
        cold = replacing(root, "lib.py", "LIMIT = 1", "LIMIT = 2")
        assert try_all(trials, [cold], "test_lib.T.test_limit")[0].ending is Ending.PASSED
        lines = trials.coverage(["test_lib.T.test_add"], [], 30.0).lines
        assert lines["test_lib.T.test_add"]["lib.py"] == {3}


def test_a_suite_that_cannot_be_imported_is_not_started(tmp_path: Path) -> None:
    root = write(tmp_path / "p", {"conftest.py": "import nothing_of_that_name"})
    with opened(root) as sandbox, pytest.raises(SuiteNotStarted, match="nothing_of_that_name"):
        ForkServers().start(sandbox, PYTEST, LIMITS)
    with opened(root) as sandbox, pytest.raises(SuiteNotStarted, match="one command"):
        ForkServers().start(sandbox, Suite("command", ("true",)), LIMITS)


def test_a_suite_that_hangs_at_its_import_is_given_up_in_its_time(tmp_path: Path) -> None:
    root = write(tmp_path / "p", {"test_lib.py": "import time\ntime.sleep(3600)\n"})
    with opened(root) as sandbox, pytest.raises(SuiteNotStarted, match="not imported within 1 s"):
        ForkServers().start(sandbox, PYTEST, LIMITS, 1.0)


@pytest.mark.parametrize("suite", [PYTEST, UNITTEST], ids=["pytest", "unittest"])
def test_a_test_that_never_ends_fails_in_its_time_and_says_where(tmp_path: Path, suite: Suite) -> None:
    write(
        tmp_path,
        {
            "loops.py": """
                def collatz(n):
                    while n != 1:
                        try:
                            n = n // 2 if n % 2 == 0 else 3 * n - 1
                        except ValueError:
                            n = 1
                    return n
            """,
            "test_loops.py": """
                import time
                import unittest
                from loops import collatz

                class TestLoops(unittest.TestCase):
                    def test_ends(self):
                        self.assertEqual(collatz(4), 1)
                    def test_loops(self):
                        self.assertEqual(collatz(7), 1)
                    def test_sleeps(self):
                        time.sleep(100)
            """,
        },
    )
    with served(tmp_path, suite) as trials:
        report = trials.baseline(each_s=0.2)
        results = {test.id.rpartition("_")[2]: test for test in report.tests}
        assert {name: test.outcome.bad for name, test in results.items()} == {
            "ends": False,
            "loops": True,
            "sleeps": True,
        }
        assert results["loops"].message.startswith("TookTooLong: it was still running after 0.2 s of CPU time")
        assert results["loops"].frames[-1].path == "loops.py"
        looping = results["loops"].id
        lines = trials.coverage([looping], [], 60.0, each_s=0.2).lines[looping]["loops.py"]
        assert {2, 4} <= lines
        assert 7 not in lines
