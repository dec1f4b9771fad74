"""The runner on real unittest projects, in an interpreter that has no pytest where there is one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.verifier.project import DEBIAN, UNITTEST, run, write
from verifier import Outcome, Ran

SUITE = replace(UNITTEST, python=str(DEBIAN)) if DEBIAN.exists() else UNITTEST

FILES = {
    "test_a.py": """
        import unittest

        class Kinds(unittest.TestCase):
            def test_pass(self): pass
            def test_fail(self): self.assertEqual(1, 2)
            def test_raise(self): raise KeyError("x")
            @unittest.skip("not here")
            def test_skip(self): pass
            @unittest.expectedFailure
            def test_expected(self): self.fail()
            @unittest.expectedFailure
            def test_unexpected(self): pass
            def test_sub(self):
                for number in range(3):
                    with self.subTest(number=number):
                        self.assertNotEqual(number, 1)

        class Broken(unittest.TestCase):
            @classmethod
            def setUpClass(cls): raise RuntimeError("class set-up")
            def test_never(self): pass
    """,
    "test_b.py": "import nothing_of_that_name",
    "pkg/__init__.py": "",
    "pkg/test_c.py": "import unittest\nclass C(unittest.TestCase):\n    def test_c(self): print('said')\n",
}


def test_each_outcome_is_told_apart_by_its_dotted_id(tmp_path: Path) -> None:
    report = run(write(tmp_path / "p", FILES), SUITE)
    assert report.ran is Ran.COMPLETED, report
    assert {test.id: test.outcome for test in report.tests} == {
        "pkg.test_c.C.test_c": Outcome.PASSED,
        "test_a.Kinds.test_pass": Outcome.PASSED,
        "test_a.Kinds.test_fail": Outcome.FAILED,
        "test_a.Kinds.test_raise": Outcome.FAILED,
        "test_a.Kinds.test_skip": Outcome.SKIPPED,
        "test_a.Kinds.test_expected": Outcome.XFAILED,
        "test_a.Kinds.test_unexpected": Outcome.FAILED,
        "test_a.Kinds.test_sub": Outcome.FAILED,
        "test_a.Broken": Outcome.ERROR,
        "test_a.Broken.test_never": Outcome.ERROR,
        "test_b": Outcome.ERROR,
    }
    failed = report.by_id()["test_a.Kinds.test_fail"]
    assert failed.message == "AssertionError: 1 != 2"
    assert [(frame.path, frame.line) for frame in failed.frames] == [("test_a.py", 5)]
    assert "number=1" in report.by_id()["test_a.Kinds.test_sub"].message


def test_arguments_and_ids_choose(tmp_path: Path) -> None:
    root = write(tmp_path / "p", FILES)
    report = run(root, replace(SUITE, args=("pkg.test_c",)))
    assert [test.id for test in report.tests] == ["pkg.test_c.C.test_c"]
    report = run(root, SUITE, ["test_a.Kinds.test_pass", "pkg", "test_b"])
    assert [test.id for test in report.tests] == ["pkg.test_c.C.test_c", "test_a.Kinds.test_pass", "test_b"]
    assert run(root, SUITE, ["test_a.Gone"]).ran is Ran.NOTHING_COLLECTED


def test_wrong_arguments_say_so(tmp_path: Path) -> None:
    report = run(write(tmp_path / "p", FILES), replace(SUITE, args=("--no-such-option",)))
    assert report.ran is Ran.NOT_STARTED
    assert "--no-such-option" in report.why
