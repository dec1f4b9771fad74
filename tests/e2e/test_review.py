"""`nightcrew review`: a branch that brings its own regression test is judged by it, run without the rest of the branch."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.command import Answer, nightcrew
from tests.e2e.library import git
from tests.e2e.project import SOURCE, TESTS, activated, make_project, write
from tests.e2e.traces import digest, left_behind

RIGHT = SOURCE.replace("range(1, len(prices))", "range(len(prices))")
# Nothing on the base shows the bug.
BEFORE = {"tests/test_total.py": TESTS.replace("[3, 4, 5]", "[0, 4, 8]")}
BUG = "from shop.total import total\n\n\ndef test_the_first_price_counts():\n    assert total([3, 4]) == 7\n"
NO_BUG = BUG.replace("[3, 4]", "[0, 7]")
NEW = "tests/test_first.py::test_the_first_price_counts"


def review(repository: Path, state: Path, test: str) -> Answer:
    """Review a branch that repairs the project and brings `test` in a file of its own."""
    git(repository, "checkout", "-q", "-B", "theirs", "main")
    write(repository, {"shop/total.py": RIGHT, "tests/test_first.py": test})
    git(repository, "add", ".")
    git(repository, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "-m", "theirs")
    git(repository, "checkout", "-q", "main")
    before = digest(repository)
    answer = nightcrew("review", "theirs", "--repo", repository, state=state, environ=activated())
    assert digest(repository) == before
    assert left_behind(state) == []
    return answer


def reproduce(answer: Answer) -> dict[str, object]:
    """Return what the rung `reproduce` said."""
    rungs: list[dict[str, object]] = answer.document["verdict"]["rungs"]
    return next(rung for rung in rungs if rung["name"] == "reproduce")


def test_a_branch_is_verified_by_a_test_it_brings_that_fails_without_its_repair(tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository", BEFORE)
    git(repository, "branch", "-M", "main")
    answer = review(repository, tmp_path / "state", BUG)
    assert (answer.status, answer.document["status"], answer.document["branch"]) == (0, "verified", None), answer
    rung = reproduce(answer)
    assert NEW in str(rung["why"])
    assert "added by the change in tests/test_first.py" in str(rung["evidence"])
    answer = review(repository, tmp_path / "state", NO_BUG)
    assert (answer.status, answer.document["status"]) == (5, "unverified"), answer
    assert "does not fail without the rest of it" in answer.document["why"]
