"""The runner on real pytest projects: what each test said, and how runs that go wrong are told."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import Limits
from tests.verifier.project import DEBIAN, PYTEST, only, opened, run, write
from verifier import InsideRunner, Outcome, Ran, Suite


def outcomes(root: Path, suite: Suite = PYTEST, ids: list[str] | None = None) -> dict[str, Outcome]:
    report = run(root, suite, ids)
    assert report.ran is Ran.COMPLETED, (report.why, report.output)
    return {test.id: test.outcome for test in report.tests}


EVERY_KIND = """
    import pytest

    def test_pass(): pass
    def test_fail(): assert 1 == 2
    def test_skip(): pytest.skip("not here")
    @pytest.mark.xfail
    def test_xfail(): assert False
    @pytest.mark.xfail
    def test_xpass(): pass
    @pytest.mark.xfail(strict=True)
    def test_strict(): pass
    @pytest.fixture
    def broken(): raise RuntimeError("set-up")
    def test_error(broken): pass
    def test_exits(): raise SystemExit(3)
"""


def test_each_outcome_is_told_apart(tmp_path: Path) -> None:
    root = write(tmp_path / "p", {"test_a.py": EVERY_KIND})
    assert outcomes(root) == {
        "test_a.py::test_pass": Outcome.PASSED,
        "test_a.py::test_fail": Outcome.FAILED,
        "test_a.py::test_skip": Outcome.SKIPPED,
        "test_a.py::test_xfail": Outcome.XFAILED,
        "test_a.py::test_xpass": Outcome.XPASSED,
        "test_a.py::test_strict": Outcome.FAILED,
        "test_a.py::test_error": Outcome.ERROR,
        "test_a.py::test_exits": Outcome.FAILED,
    }


def test_a_failure_has_its_message_frames_and_output(tmp_path: Path) -> None:
    files = {
        "src/lib.py": """
            def divide(a, b):
                return a / b
        """,
        "tests/test_lib.py": """
            import sys
            sys.path.insert(0, "src")
            import lib
            def test_divide():
                print("printed by the test")
                lib.divide(1, 0)
        """,
    }
    result = only(run(write(tmp_path / "p", files)))
    assert result.message == "ZeroDivisionError: division by zero"
    assert [(frame.path, frame.line, frame.function) for frame in result.frames] == [
        ("tests/test_lib.py", 6, "test_divide"),
        ("src/lib.py", 2, "divide"),
    ]
    assert "printed by the test" in result.output


def test_frames_of_a_cause_come_before_those_of_what_it_led_to(tmp_path: Path) -> None:
    text = """
        def low(): raise KeyError("low")
        def test_chain():
            try:
                low()
            except KeyError as error:
                raise ValueError("high") from error
    """
    result = only(run(write(tmp_path / "p", {"test_a.py": text})))
    assert [frame.function for frame in result.frames] == ["test_chain", "low", "test_chain"]


def test_a_module_that_does_not_import_is_an_error_and_the_others_run(tmp_path: Path) -> None:
    root = write(tmp_path / "p", {"test_a.py": "import nothing_of_that_name", "test_b.py": "def test_b(): pass"})
    assert outcomes(root) == {"test_a.py": Outcome.ERROR, "test_b.py::test_b": Outcome.PASSED}


def test_ids_choose_tests_classes_files_and_directories(tmp_path: Path) -> None:
    files = {
        "a/test_a.py": """
            import pytest
            class TestC:
                def test_one(self): pass
                def test_two(self): pass
            @pytest.mark.parametrize("x", [1, 2])
            def test_p(x): pass
        """,
        "b/test_b.py": "def test_b(): pass",
    }
    root = write(tmp_path / "p", files)
    assert list(outcomes(root, ids=["a/test_a.py::TestC::test_two"])) == ["a/test_a.py::TestC::test_two"]
    assert len(outcomes(root, ids=["a/test_a.py::TestC"])) == 2
    assert list(outcomes(root, ids=["a/test_a.py::test_p[2]"])) == ["a/test_a.py::test_p[2]"]
    assert len(outcomes(root, ids=["a/test_a.py::test_p"])) == 2
    assert len(outcomes(root, ids=["a/test_a.py", "b"])) == 5


def test_ids_that_do_not_exist_take_nothing_from_those_that_do(tmp_path: Path) -> None:
    root = write(tmp_path / "p", {"test_a.py": "def test_a(): pass"})
    assert list(outcomes(root, ids=["test_a.py::test_a", "test_a.py::test_gone", "gone.py::test"])) == [
        "test_a.py::test_a"
    ]
    assert run(root, ids=["gone.py::test"]).ran is Ran.NOTHING_COLLECTED


def test_ten_thousand_ids_are_no_trouble(tmp_path: Path) -> None:
    text = """
        import pytest
        @pytest.mark.parametrize("x", range(3))
        def test_p(x): pass
    """
    root = write(tmp_path / "p", {"test_a.py": text})
    ids = [f"test_a.py::test_p[{number}]" for number in range(10_000)]
    assert len(outcomes(root, ids=ids)) == 3


def test_odd_ids_are_kept_and_can_be_asked_for(tmp_path: Path) -> None:
    text = """
        import pytest
        @pytest.mark.parametrize("x", ["a::b", "new\\nline", "ü", "[x]", "a/b", "" , "z" * 9000])
        def test_p(x): assert x != "ü"
    """
    root = write(tmp_path / "p", {"test_grün.py": text})
    every = outcomes(root)
    assert len(every) == 7
    assert outcomes(root, ids=list(every)) == every
    assert all(test_id.startswith("test_grün.py::test_p[") for test_id in every)


def test_options_of_the_project_neither_cut_the_run_nor_litter_the_tree(tmp_path: Path) -> None:
    files = {
        "pytest.ini": "[pytest]\naddopts = -x --ff --junitxml=report.xml -p cacheprovider\n",
        "test_a.py": "def test_a(): assert False\ndef test_b(): assert False\n",
    }
    root = write(tmp_path / "p", files)
    assert list(outcomes(root).values()) == [Outcome.FAILED, Outcome.FAILED]
    assert sorted(path.name for path in root.iterdir()) == ["pytest.ini", "test_a.py"]


def test_ids_are_relative_to_the_root_that_pytest_finds(tmp_path: Path) -> None:
    root = write(tmp_path / "p", {"pytest.ini": "[pytest]\n", "sub/test_a.py": "def test_a(): pass"})
    suite = replace(PYTEST, cwd="sub", args=("test_a.py",))
    assert list(outcomes(root, suite)) == ["sub/test_a.py::test_a"]
    assert list(outcomes(root, suite, ["sub/test_a.py::test_a"])) == ["sub/test_a.py::test_a"]


def test_packages_of_the_project_keep_their_names(tmp_path: Path) -> None:
    files = {
        "agents/__init__.py": "WHOSE = 'theirs'",
        "sandbox.py": "WHOSE = 'theirs'",
        "words.py": "WHOSE = 'theirs'",
        "test_a.py": """
            import sys, agents, sandbox, words
            def test_names():
                assert agents.WHOSE == sandbox.WHOSE == words.WHOSE == "theirs"
            def test_this_looks_like_plain_pytest():
                import os, pytest
                main = sys.modules["__main__"]
                assert sys.argv == [os.path.join(os.path.dirname(pytest.__file__), "__main__.py")]
                assert sys.path[0] == os.getcwd()
                assert main.__spec__.name == "pytest.__main__"
                assert not any("nightcrew" in entry for entry in sys.path)
                assert not any(name.startswith("NIGHTCREW") for name in os.environ)
        """,
    }
    assert set(outcomes(write(tmp_path / "p", files)).values()) == {Outcome.PASSED}


ROUGH = """
    import os, sys, subprocess

    def test_prints_megabytes():
        print("x" * 5_000_000)
        os.write(1, b"y" * 1_000_000)
        assert False
    def test_closes_descriptors(): os.closerange(20, 250)
    def test_replaces_functions(monkeypatch):
        monkeypatch.setattr(os, "write", None)
        monkeypatch.setattr("json.dumps", None)
        monkeypatch.setattr("time.perf_counter", lambda: 0)
    def test_goes_elsewhere(tmp_path):
        os.chdir(tmp_path)
        assert os.getcwd() == "nowhere"
    def test_forks_and_the_child_goes_on():
        pid = os.fork()
        if pid == 0:
            raise SystemExit
        os.waitpid(pid, 0)
    def test_starts_a_daemon():
        subprocess.Popen(["sleep", "1000"], start_new_session=True)
    def test_last(): pass
"""


def test_rough_tests_do_not_take_the_report_away(tmp_path: Path) -> None:
    report = run(write(tmp_path / "p", {"test_a.py": ROUGH}))
    assert report.ran is Ran.COMPLETED, report.why
    assert report.collected == tuple(test.id for test in report.tests)
    bad = [test.id for test in report.tests if test.outcome.bad]
    assert bad == ["test_a.py::test_prints_megabytes", "test_a.py::test_goes_elsewhere"]
    assert len(report.tests[0].output) < 40_000
    assert report.by_id()["test_a.py::test_goes_elsewhere"].frames[-1].path == "test_a.py"


@pytest.mark.parametrize(
    "death", ["os._exit(0)", "ctypes.string_at(0)", "os.kill(os.getpid(), 9)", "os.closerange(3, 65536)"]
)
def test_a_death_names_the_test_in_flight(tmp_path: Path, death: str) -> None:
    text = f"""
        import os, ctypes
        def test_a(): pass
        def test_b(): {death}
        def test_c(): pass
    """
    report = run(write(tmp_path / "p", {"test_a.py": text}))
    assert (report.ran, report.killed) == (Ran.CRASHED, "os.kill" in death)
    assert "test_a.py::test_b" in report.why
    assert [(test.id, test.outcome) for test in report.tests][:2] == [
        ("test_a.py::test_a", Outcome.PASSED),
        ("test_a.py::test_b", Outcome.ERROR),
    ]


def test_a_hang_names_the_test_in_flight(tmp_path: Path) -> None:
    text = """
        import threading
        def test_a(): pass
        def test_b(): threading.Event().wait()
    """
    report = run(write(tmp_path / "p", {"test_a.py": text}), limits=Limits(wall_s=4.0))
    assert report.ran is Ran.TIMED_OUT
    assert "test_a.py::test_b" in report.why


def test_a_module_that_exits_while_it_is_imported_is_named(tmp_path: Path) -> None:
    report = run(write(tmp_path / "p", {"test_a.py": "import os; os._exit(1)"}))
    assert (report.ran, "test_a.py" in report.why) == (Ran.CRASHED, True)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"conftest.py": "import nothing_of_that_name"}, "No module named 'nothing_of_that_name'"),
        ({"pytest.ini": "[pytest]\naddopts = --no-such-option\n"}, "unrecognized arguments"),
        ({"pytest.ini": "[pytest\n"}, "pytest.ini"),
    ],
)
def test_a_suite_that_does_not_start_says_why(tmp_path: Path, files: dict[str, str], why: str) -> None:
    report = run(write(tmp_path / "p", {**files, "test_a.py": "def test_a(): pass"}))
    assert (report.ran, report.tests) == (Ran.NOT_STARTED, ())
    assert why in report.why


def test_an_interpreter_without_pytest_is_named_with_what_to_do(tmp_path: Path) -> None:
    if not DEBIAN.exists() or subprocess.run([DEBIAN, "-c", "import pytest"], capture_output=True).returncode == 0:
        pytest.skip("there is no interpreter without pytest here")
    report = run(write(tmp_path / "p", {"test_a.py": "def test_a(): pass"}), replace(PYTEST, python=str(DEBIAN)))
    assert report.ran is Ran.NOT_STARTED
    assert str(DEBIAN) in report.why and "install it into the project's environment" in report.why


def test_an_interpreter_that_does_not_exist_is_told(tmp_path: Path) -> None:
    report = run(write(tmp_path / "p", {"a.py": ""}), replace(PYTEST, python="/nowhere/python"))
    assert report.ran is Ran.NOT_STARTED
    assert "/nowhere/python" in report.why


def test_no_tests_are_nothing_collected(tmp_path: Path) -> None:
    assert run(write(tmp_path / "p", {"a.py": ""})).ran is Ran.NOTHING_COLLECTED


@pytest.mark.parametrize(
    "line", ["not json", "[]", '{"t": "result", "id": 1}', '{"t": "x"}', '{"t": "end", "status": -1}']
)
def test_what_tested_code_writes_to_the_channel_is_not_believed(tmp_path: Path, line: str) -> None:
    text = f"""
        import os, socket
        def test_a():
            for fd in range(3, 1024):
                try:
                    socket.socket(fileno=os.dup(fd)).sendall({line.encode()!r} + b"\\n")
                except OSError:
                    pass
        def test_b(): pass
    """
    report = run(write(tmp_path / "p", {"test_a.py": text}))
    assert report.ran is Ran.CRASHED
    assert "from inside the sandbox" in report.why


def test_an_end_said_too_early_is_no_completed_run(tmp_path: Path) -> None:
    text = """
        import os, socket
        def test_a():
            for fd in range(3, 1024):
                try:
                    socket.socket(fileno=os.dup(fd)).sendall(b'{"t": "end", "status": 0}\\n')
                except OSError:
                    pass
            os._exit(0)
        def test_b(): assert False
    """
    report = run(write(tmp_path / "p", {"test_a.py": text}))
    assert report.ran is Ran.CRASHED
    assert "were not run" in report.why


def test_a_command_is_one_test(tmp_path: Path) -> None:
    root = write(tmp_path / "p", {"check.sh": "echo checked; exit $1"})
    with opened(root) as sandbox:
        runner = InsideRunner()
        good = runner.run(sandbox, Suite("command", ("sh", "check.sh", "0")))
        bad = runner.run(sandbox, Suite("command", ("sh", "check.sh", "1")))
        missing = runner.run(sandbox, Suite("command", ("no-such-program",)))
        slow = runner.run(sandbox, Suite("command", ("sleep", "100")), limits=Limits(wall_s=0.5))
        other = runner.run(sandbox, Suite("command", ("true",)), ["another test"])
    assert (good.collected, only(good).outcome) == (("sh check.sh 0",), Outcome.PASSED)
    assert (only(bad).outcome, only(bad).message) == (Outcome.FAILED, "exit status 1")
    assert "checked" in only(bad).output
    assert (missing.ran, slow.ran, other.ran) == (Ran.NOT_STARTED, Ran.TIMED_OUT, Ran.NOTHING_COLLECTED)
