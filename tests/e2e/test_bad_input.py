"""Bad input: one clear message that says what to do, the right exit status, the repository as it was, nothing left running."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.command import NIGHTCREW, Answer, clean_environment, nightcrew
from tests.e2e.library import commit_all, git
from tests.e2e.project import FAILING, TESTS, TICKET, activated, fix, make_project, write
from tests.e2e.traces import digest, left_behind


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """Give a state directory; whatever happened, nothing may be left mounted or running for it."""
    yield tmp_path / "state"
    assert left_behind(tmp_path / "state") == []


def refused(answer: Answer, status: int, *words: str) -> None:
    """Check that an answer is one message with a kind, saying these words."""
    assert answer.status == status, answer
    error = answer.document["error"]
    told = f"{error['message']} {error['hint']}"
    assert error["kind"] not in ("internal", ""), error
    assert not [word for word in words if word not in told], error
    assert "Traceback" not in answer.stderr


def ended(answer: Answer, status: int, name: str, *words: str) -> None:
    """Check that a job ended so, saying these words."""
    assert (answer.status, answer.document.get("status")) == (status, name), answer
    told = f"{answer.document['why']} {answer.document['next']} {answer.document['tries']}".lower()
    assert not [word for word in words if word.lower() not in told], answer.document


def test_a_directory_that_is_no_repository(tmp_path: Path, state: Path) -> None:
    write(tmp_path / "plain", {"tests/test_a.py": TESTS})
    refused(fix(tmp_path / "plain", state), 2, "git")


def test_a_directory_that_is_not_there(tmp_path: Path, state: Path) -> None:
    refused(fix(tmp_path / "nowhere", state), 2, "nowhere")


def test_a_repository_without_a_commit(tmp_path: Path, state: Path) -> None:
    write(tmp_path / "new", {"tests/test_a.py": TESTS})
    git(tmp_path / "new", "init", "-q")
    before = digest(tmp_path / "new")
    refused(fix(tmp_path / "new", state), 2, "commit")
    assert digest(tmp_path / "new") == before


def test_no_tests(tmp_path: Path, state: Path) -> None:
    write(tmp_path / "bare", {"a.py": ""})
    commit_all(tmp_path / "bare")
    refused(fix(tmp_path / "bare", state), 2, "--test CMD")


def test_no_python_environment(tmp_path: Path, state: Path) -> None:
    repository = make_project(tmp_path / "repository")
    environ = {"VIRTUAL_ENV": "", "PATH": "/usr/sbin"}
    refused(fix(repository, state, environ=environ), 2, "python3 -m venv .venv")


def test_no_bubblewrap(tmp_path: Path, state: Path) -> None:
    repository = make_project(tmp_path / "repository")
    before = digest(repository)
    hidden = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c"]
    script = 'mount --bind /dev/null "$(command -v bwrap)" && exec "$@"'
    command: list[str | Path] = [
        NIGHTCREW,
        "fix",
        TICKET,
        "--failing",
        FAILING,
        "--repo",
        repository,
        "--state",
        state,
        "--json",
    ]
    done = subprocess.run(
        [*hidden, script, "sh", *command],
        capture_output=True,
        text=True,
        env=clean_environment(activated()),
        check=False,
    )
    refused(Answer(done.returncode, json.loads(done.stdout), done.stderr), 2, "bubblewrap", "doctor")
    assert digest(repository) == before


@pytest.mark.parametrize("text", ["", "   \n", "...!?"])
def test_a_ticket_that_says_nothing(tmp_path: Path, state: Path, text: str) -> None:
    refused(fix(make_project(tmp_path / "repository"), state, text=text), 2, "what is wrong")


def test_no_text_at_all(tmp_path: Path, state: Path) -> None:
    refused(nightcrew("fix", "--repo", make_project(tmp_path / "repository"), state=state), 2, "text")


def test_a_ticket_of_more_than_a_megabyte(tmp_path: Path, state: Path) -> None:
    repository = make_project(tmp_path / "repository")
    (tmp_path / "text").write_bytes(b"wrong " * 200_000)
    refused(
        nightcrew("fix", "--text-file", tmp_path / "text", "--repo", repository, state=state, environ=activated()),
        2,
        "text",
    )


def test_a_test_command_that_cannot_be_read(tmp_path: Path, state: Path) -> None:
    refused(fix(make_project(tmp_path / "repository"), state, "--test", "pytest 'tests"), 2, "quotes")


def test_an_added_test_that_is_not_there_or_leaves_the_tree(tmp_path: Path, state: Path) -> None:
    repository = make_project(tmp_path / "repository")
    refused(fix(repository, state, "--add-test", "/nowhere/test_x.py"), 2, "/nowhere/test_x.py")
    refused(fix(repository, state, "--add-test", f"{repository}/tests/test_total.py:../../evil.py"), 2, "evil.py")
    refused(fix(repository, state, "--add-test", f"{repository}/tests/test_total.py:.git/hooks/x"), 2, ".git")


@pytest.mark.parametrize("agent", ["wizard", "command:"])
def test_an_agent_nobody_knows(tmp_path: Path, state: Path, agent: str) -> None:
    refused(fix(make_project(tmp_path / "repository"), state, "--agent", agent), 2, agent)


def test_a_key_of_the_configuration_that_nobody_knows(tmp_path: Path, state: Path) -> None:
    repository = make_project(tmp_path / "repository", {"nightcrew.toml": "[tset]\n"})
    refused(fix(repository, state), 2, "`tset`", "did you mean `test`?")


def test_a_command_nobody_knows(state: Path) -> None:
    refused(nightcrew("fxi", state=state), 2, "did you mean `fix`?")


def test_a_ticket_nobody_knows(state: Path) -> None:
    for command in ("show", "diff", "apply", "reject", "stop", "resume", "logs"):
        refused(nightcrew(command, "zzzz", state=state), 2, "zzzz")


def test_a_state_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused(fix(make_project(tmp_path / "repository"), tmp_path / "file" / "state"), 1, "file", "--state DIR")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"tests/conftest.py": "this is no python\n"}, ("conftest",)),
        ({"tests/conftest.py": "import no_such_package\n"}, ("no_such_package",)),
        ({"tests/conftest.py": "import os\nos._exit(3)\n"}, ()),
    ],
)
def test_a_suite_that_does_not_start(
    tmp_path: Path, state: Path, files: dict[str, str], words: tuple[str, ...]
) -> None:
    repository = make_project(tmp_path / "repository", files)
    before = digest(repository)
    ended(fix(repository, state, "--seconds", "60"), 3, "no_fix", *words)
    assert digest(repository) == before


def test_a_test_command_that_is_wrong(tmp_path: Path, state: Path) -> None:
    repository = make_project(tmp_path / "repository")
    before = digest(repository)
    ended(fix(repository, state, "--test", "no-such-program --all", "--seconds", "60"), 3, "no_fix", "no-such-program")
    assert digest(repository) == before


@pytest.mark.parametrize("hanging", ["def test_hangs():\n    time.sleep(3600)\n", "time.sleep(3600)\n"])
def test_a_suite_that_hangs_pauses_the_job_when_its_seconds_are_over(tmp_path: Path, state: Path, hanging: str) -> None:
    repository = make_project(tmp_path / "repository", {"tests/test_hangs.py": f"import time\n\n{hanging}"})
    before = digest(repository)
    answer = fix(repository, state, "--seconds", "5")
    ended(answer, 4, "paused", "the budget of 5 seconds", "nightcrew resume")
    assert answer.document["cost"]["seconds"] < 10
    assert digest(repository) == before


def test_a_suite_that_hangs_by_itself_is_ended_at_its_own_limit(tmp_path: Path, state: Path) -> None:
    files = {"tests/test_hangs.py": "import time\ntime.sleep(3600)\n", "nightcrew.toml": "[test]\nseconds = 2\n"}
    repository = make_project(tmp_path / "repository", files)
    answer = fix(repository, state, "--seconds", "60")
    ended(answer, 3, "no_fix", "timed out", "while tests/test_hangs.py was imported")
    assert answer.document["cost"]["seconds"] < 30


def test_a_suite_that_forks_daemons_leaves_none(tmp_path: Path, state: Path) -> None:
    daemon = (
        "import subprocess\n\ndef test_daemon():\n    subprocess.Popen(['sleep', '7777'], start_new_session=True)\n"
    )
    repository = make_project(tmp_path / "repository", {"tests/test_daemon.py": daemon})
    answer = fix(repository, state)
    assert answer.status == 0, answer
    running = subprocess.run(["pgrep", "-f", "sleep 7777"], capture_output=True, check=False)
    assert running.returncode == 1


def test_a_suite_that_prints_megabytes(tmp_path: Path, state: Path) -> None:
    loud = "import os\n\ndef test_loud(capfd):\n    with capfd.disabled():\n        os.write(1, b'x' * (8 << 20))\n"
    repository = make_project(tmp_path / "repository", {"tests/test_loud.py": loud})
    answer = fix(repository, state)
    assert answer.status == 0, answer


def test_the_projects_own_agents_and_sandbox_are_not_ours(tmp_path: Path, state: Path) -> None:
    own = {
        f"{name}/__init__.py": "WHOSE = 'theirs'\n"
        for name in ("agents", "sandbox", "verifier", "shadowfs", "orchestrator")
    }
    test = "import agents, orchestrator, sandbox, shadowfs, verifier\n\ndef test_whose():\n    assert agents.WHOSE == sandbox.WHOSE == 'theirs'\n"
    repository = make_project(tmp_path / "repository", {**own, "tests/test_whose.py": test})
    answer = fix(repository, state)
    assert answer.status == 0, answer


def test_a_full_disk(tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository")
    before = digest(repository)
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=192k", "none", small], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk takes root")
    try:
        answer = fix(repository, small / "state")
        assert answer.status == 1, answer
        told = f"{answer.document}".lower()
        assert "space" in told or "full" in told
    finally:
        subprocess.run(["umount", small], check=True)
    assert digest(repository) == before


def test_an_unknown_revision_to_review(tmp_path: Path, state: Path) -> None:
    repository = make_project(tmp_path / "repository")
    refused(
        nightcrew("review", "no-such-branch", "--repo", repository, state=state, environ=activated()),
        2,
        "no-such-branch",
    )


def test_text_of_a_ticket_cannot_drive_the_terminal(tmp_path: Path, state: Path) -> None:
    repository = make_project(tmp_path / "repository")
    filed = nightcrew(
        "file",
        f"{TICKET} \x1b]0;owned\x07\x1b[2J",
        "--repo",
        repository,
        "--failing",
        FAILING,
        state=state,
        environ=activated(),
    )
    assert filed.status == 0, filed
    for words in (["list"], ["show", filed.document["ticket"]]):
        done = subprocess.run(
            [NIGHTCREW, *words, "--state", state], capture_output=True, env=clean_environment(), check=True
        )
        assert b"\x1b]" not in done.stdout
        assert b"\x1b[2J" not in done.stdout
        assert b"total() leaves out" in done.stdout
