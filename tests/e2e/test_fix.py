"""The main job on bugs of real libraries, each branch judged without nightcrew: by the library's own suite on a checkout of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cases import BEYOND, BUGS, Bug
from tests.e2e.command import Answer, nightcrew
from tests.e2e.library import git, prepare, run_suite
from tests.e2e.traces import digest


@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_a_bug_of_a_released_library_becomes_a_verified_branch(bug: Bug, tmp_path: Path) -> None:
    repository = prepare(bug, tmp_path / "repository")
    answer = ordered(bug, repository, tmp_path, seconds=600)

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


@pytest.mark.parametrize("bug", BEYOND, ids=[bug.name for bug in BEYOND])
def test_a_bug_out_of_reach_ends_honestly(bug: Bug, tmp_path: Path) -> None:
    repository = prepare(bug, tmp_path / "repository")
    before = digest(repository)
    answer = ordered(bug, repository, tmp_path, seconds=20)
    assert (answer.status, answer.document["status"]) in ((3, "no_fix"), (4, "paused")), answer
    assert answer.document["why"] and answer.document["branch"] is None
    assert digest(repository) == before


def ordered(bug: Bug, repository: Path, folder: Path, seconds: float) -> Answer:
    """Run `nightcrew fix` on a bug as a bot would, which nobody answers."""
    words: list[str | Path] = ["--repo", repository, "--test", bug.suite, "--seconds", str(seconds), "--no-ask"]
    if bug.test:
        added = folder / "added.py"
        added.write_text(bug.test, "utf-8")
        words += ["--add-test", f"{added}:{bug.test_path}"]
    for test in bug.failing:
        words += ["--failing", test]
    return nightcrew("fix", bug.ticket, *words, state=folder / "state")


def test_the_bugs_are_what_the_issue_asks_for() -> None:
    assert len(BUGS) >= 8
    assert len({bug.library for bug in BUGS}) >= 4
    assert sum(bug.real for bug in BUGS) >= 5
    assert len({bug.kind for bug in BUGS}) >= 5
