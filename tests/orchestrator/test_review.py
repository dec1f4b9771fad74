"""Reviews of branches that bring their own regression test, on a real repository with the real parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agents import Write
from orchestrator.records import Status
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, Open, order

# On the base the suite is green: only the branch's own test knows of the bug.
GREEN = project.SUITE.replace("[1, 2]) == 3", "[0, 3]) == 3")
BRANCHED = GREEN + "\n    def test_one_number(self):\n        assert total([5]) == 5\n"
NEW = "tests.test_sums.Sums.test_one_number"


def branch(repository: Path, files: Mapping[str, str]) -> None:
    """Make the suite green on `main`, and commit `files` on the branch `theirs`."""
    (repository / "tests/test_sums.py").write_text(GREEN)
    project.git(repository, "commit", "--quiet", "--all", "--message=green")
    project.git(repository, "checkout", "--quiet", "-b", "theirs")
    for path, text in files.items():
        (repository / path).write_text(text)
    project.git(repository, "add", ".")
    project.git(repository, "commit", "--quiet", "--allow-empty", "--message=theirs")
    project.git(repository, "checkout", "--quiet", "main")


def test_a_test_added_to_an_existing_file_shows_what_the_branch_repairs(crew: Open, repository: Path) -> None:
    branch(repository, {"sums.py": project.FIXED, "tests/test_sums.py": BRANCHED})
    before = project.digest(repository)
    report = crew([]).review(repository, "theirs")
    assert (report.status, report.files) == (Status.VERIFIED, ("sums.py", "tests/test_sums.py"))
    assert report.verdict is not None
    rung = report.verdict.rung("reproduce")
    assert rung is not None
    assert rung.evidence[0].tests == (NEW,)
    assert rung.evidence[0].text.startswith("added by the change in tests/test_sums.py; without the rest of it: ")
    assert project.digest(repository) == before


def test_a_branch_that_weakens_a_test_beside_its_own_fails_as_ever(crew: Open, repository: Path) -> None:
    weakened = BRANCHED.replace("assert total([]) == 0", "pass")
    branch(repository, {"sums.py": project.FIXED, "tests/test_sums.py": weakened})
    report = crew([]).review(repository, "theirs")
    assert report.status is Status.UNVERIFIED
    assert report.why.startswith("tamper: tests/test_sums.py")


def test_an_agents_own_test_is_no_evidence(crew: Open, repository: Path) -> None:
    branch(repository, {})
    own = Write("tests/test_sums.py", BRANCHED.encode())
    report = crew([FIX, own]).fix(order(repository, failing=()))
    assert report.status is Status.UNVERIFIED
    assert "no test that failed on the base passes" in report.why
