"""The main job on bugs of real libraries, each branch judged without nightcrew: by the library's own suite on a checkout of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cases import BUGS, Bug
from tests.e2e.command import nightcrew
from tests.e2e.library import git, prepare, run_suite


@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_a_bug_of_a_released_library_becomes_a_verified_branch(bug: Bug, tmp_path: Path) -> None:
    repository = prepare(bug, tmp_path / "repository")
    words: list[str | Path] = ["--repo", repository, "--test", bug.suite, "--seconds", "600"]
    if bug.test:
        added = tmp_path / "added.py"
        added.write_text(bug.test, "utf-8")
        words += ["--add-test", f"{added}:{bug.test_path}"]
    for test in bug.failing:
        words += ["--failing", test]

    answer = nightcrew("fix", bug.ticket, *words, state=tmp_path / "state")

    found = answer.document
    assert (answer.status, found["status"]) == (0, "verified"), (found, answer.stderr)
    assert found["agent"] == "repair"
    assert {rung["status"] for rung in found["verdict"]["rungs"]} <= {"pass", "skip"}
    assert git(repository, "rev-parse", f"refs/heads/{found['branch']}").strip() == found["commit"]
    assert git(repository, "status", "--porcelain") == ""

    checkout = tmp_path / "checkout"
    git(repository, "worktree", "add", "-q", str(checkout), found["branch"])
    suite = run_suite(repository, checkout, bug.suite)
    assert suite.returncode == 0, suite.stdout
    if bug.test:
        assert (checkout / bug.test_path).read_text("utf-8") == bug.test
        regression = run_suite(repository, checkout, f"pytest -o addopts= {bug.test_path}")
        assert regression.returncode == 0, regression.stdout


def test_the_bugs_are_what_the_issue_asks_for() -> None:
    assert len(BUGS) >= 8
    assert len({bug.library for bug in BUGS}) >= 4
    assert sum(bug.real for bug in BUGS) >= 5
    assert len({bug.kind for bug in BUGS}) >= 5
