"""Suites as they are typed, and with a ticket's own tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.suites import including
from verifier import Suite


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "sub" / "tests").mkdir(parents=True)
    (tmp_path / "sub" / "tests" / "test_old.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("args", "added", "expected"),
    [
        (("-q", "tests"), "sub/test_new.py", ("-q", "tests", "test_new.py")),
        (("tests/test_old.py::test_x",), "sub/tests/test_new.py", ("tests/test_old.py::test_x", "tests/test_new.py")),
        (("tests",), "test_new.py", ("tests", "../test_new.py")),
        (("tests",), "sub/tests/deep/test_new.py", ("tests",)),
        (("-k", "old"), "test_new.py", ("-k", "old")),
        ((), "sub/test_new.py", ()),
    ],
)
def test_a_suite_that_names_its_files_takes_the_tickets_in(
    repository: Path, args: tuple[str, ...], added: str, expected: tuple[str, ...]
) -> None:
    suite = Suite("pytest", args, cwd="sub")
    assert including(suite, [added], repository) == replace(suite, args=expected)


def test_other_kinds_of_suites_stay_as_they_are(repository: Path) -> None:
    suite = Suite("command", ("make", "sub"))
    assert including(suite, ["test_new.py"], repository) == suite
