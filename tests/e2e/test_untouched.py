"""The user's repository is byte for byte as it was: after a fix, a failed fix, an interrupted fix, a killed fix."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.command import NIGHTCREW, clean_environment, nightcrew, until
from tests.e2e.library import git
from tests.e2e.project import FAILING, TICKET, activated, fix, fixed, make_project, write
from tests.e2e.traces import added_by_delivery_only, digest, left_behind

HOOK = "#!/bin/sh\ntouch hook-ran\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make the small project with all that a working repository has: staged, changed and untracked files, a stash, hooks, settings."""
    repository = make_project(tmp_path / "repository")
    write(repository, {"README": "stashed\n"})
    git(repository, "stash")
    git(repository, "branch", "other")
    git(repository, "config", "core.fsmonitor", "touch fsmonitor-ran; false")
    git(repository, "config", "filter.trap.clean", "touch filter-ran; cat")
    for hook in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change"):
        path = repository / ".git" / "hooks" / hook
        path.write_text(HOOK, "utf-8")
        path.chmod(0o755)
    git(repository, "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "tag", "v1")
    write(repository, {"staged.txt": "staged\n", "untracked.txt": "untracked\n", "README": "changed\n"})
    git(repository, "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "add", "staged.txt")
    return repository


def test_a_fix_adds_its_objects_and_one_branch(repository: Path, tmp_path: Path) -> None:
    before = digest(repository)
    answer = fix(repository, tmp_path / "state")
    assert answer.status == 0, answer
    assert added_by_delivery_only(before, digest(repository))
    assert fixed(repository, answer.document["branch"])
    assert left_behind(tmp_path / "state") == []


def test_a_failed_fix_adds_nothing(repository: Path, tmp_path: Path) -> None:
    test = tmp_path / "test_never.py"
    test.write_text("def test_never():\n    assert 1 == 2, 'no edit of the shop changes this'\n", "utf-8")
    before = digest(repository)
    answer = fix(repository, tmp_path / "state", "--add-test", f"{test}:tests/test_never.py", "--seconds", "60")
    assert answer.status == 3, answer
    assert answer.document["status"] == "no_fix"
    assert digest(repository) == before
    assert left_behind(tmp_path / "state") == []


def test_no_branch_adds_nothing(repository: Path, tmp_path: Path) -> None:
    before = digest(repository)
    answer = fix(repository, tmp_path / "state", "--no-branch")
    assert (answer.status, answer.document["branch"]) == (0, None), answer
    assert digest(repository) == before


@pytest.mark.parametrize("moment", ["pin", "attempt", "verify"])
def test_a_killed_fix_adds_nothing_and_can_be_resumed(repository: Path, tmp_path: Path, moment: str) -> None:
    state = tmp_path / "state"
    before = digest(repository)
    with started(repository, state) as process:
        until(process, moment)
        process.kill()
    assert digest(repository) == before

    listed = nightcrew("list", state=state)
    assert listed.status == 0
    assert left_behind(state) == []
    (ticket,) = listed.document["tickets"]
    answer = nightcrew("resume", ticket["ticket"], state=state, environ=activated())
    assert answer.status == 0, answer
    assert fixed(repository, answer.document["branch"])
    assert added_by_delivery_only(before, digest(repository))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_fix_pauses_and_leaves_nothing_running(
    repository: Path, tmp_path: Path, number: signal.Signals
) -> None:
    state = tmp_path / "state"
    before = digest(repository)
    with started(repository, state) as process:
        until(process, "attempt")
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 4, output
    assert '"status": "paused"' in output
    assert digest(repository) == before
    assert left_behind(state) == []


def started(repository: Path, state: Path) -> subprocess.Popen[str]:
    """Start a fix whose progress can be read."""
    return subprocess.Popen(
        [NIGHTCREW, "fix", TICKET, "--repo", repository, "--state", state, "--failing", FAILING, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(activated()),
    )
