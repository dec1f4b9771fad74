"""The command line: one document with `--json`, one message with a hint for an error, and exit statuses as documented."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.entry import run
from tests.e2e.command import NIGHTCREW
from tests.e2e.project import make_project

NAMED = ("--test", "make test")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_project(tmp_path / "repository")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def ask(capsys: pytest.CaptureFixture[str], state: Path, *words: object) -> tuple[int, dict[str, Any]]:
    """Run a command in this process; return its exit status and its document."""
    capsys.readouterr()
    status = run([*map(str, words), "--json", "--state", str(state)])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return status, document


def test_the_state_directory_is_named_before_the_command_or_after_it(
    capsys: pytest.CaptureFixture[str], repository: Path, state: Path
) -> None:
    ask(capsys, state, "file", "the total is wrong", "--repo", repository, *NAMED)

    def listed(*words: object) -> int:
        assert run([*map(str, words), "--json"]) == 0
        return len(json.loads(capsys.readouterr().out)["tickets"])

    assert listed("--state", state, "list") == listed("list", "--state", state) == 1
    assert listed("--state", state.parent / "other", "list", "--state", state) == 1
    assert listed("--state", state, "list", "--state", state.parent / "other") == 0


def test_a_ticket_is_filed_listed_shown_and_stopped(
    capsys: pytest.CaptureFixture[str], repository: Path, state: Path
) -> None:
    status, filed = ask(capsys, state, "file", "the total is wrong", "--repo", repository, *NAMED)
    assert (status, filed["status"]) == (0, "queued")

    status, listed = ask(capsys, state, "list")
    assert status == 0
    assert [ticket["ticket"] for ticket in listed["tickets"]] == [filed["ticket"]]
    _, elsewhere = ask(capsys, state, "list", "--repo", make_project(state.parent / "elsewhere"))
    assert elsewhere["tickets"] == []

    status, shown = ask(capsys, state, "show", filed["ticket"][:-1])
    assert (status, shown["text"], shown["status"]) == (0, "the total is wrong", "queued")
    assert {"ticket", "status", "branch", "commit", "agent", "attempts", "files", "verdict", "cost", "shadow"} <= set(
        shown
    )

    status, stopped = ask(capsys, state, "stop", filed["ticket"])
    assert (status, stopped["status"]) == (0, "stopped")
    status, cost = ask(capsys, state, "cost", "--since", "2h")
    assert (status, cost) == (0, {"seconds": 0.0, "tokens_in": 0, "tokens_out": 0, "usd": 0.0})
    assert ask(capsys, state, "logs", filed["ticket"])[1]["steps"] is not None


def test_what_has_no_change_cannot_be_applied_or_rejected(
    capsys: pytest.CaptureFixture[str], repository: Path, state: Path
) -> None:
    _, filed = ask(capsys, state, "file", "the total is wrong", "--repo", repository, *NAMED)
    for command in ("apply", "reject", "diff"):
        status, answer = ask(capsys, state, command, filed["ticket"])
        assert status in (1, 2)
        assert answer["error"]["kind"] == "wrong-status"


def test_an_empty_queue_is_no_error(capsys: pytest.CaptureFixture[str], state: Path) -> None:
    assert ask(capsys, state, "work") == (0, {"jobs": [], "waiting": 0})


def test_text_comes_from_a_file_or_standard_input(
    capsys: pytest.CaptureFixture[str], repository: Path, state: Path
) -> None:
    (state.parent / "text").write_text("from a file\n", "utf-8")
    _, filed = ask(capsys, state, "file", "--text-file", state.parent / "text", "--repo", repository, *NAMED)
    assert ask(capsys, state, "show", filed["ticket"])[1]["text"] == "from a file\n"
    words: list[str | Path] = [NIGHTCREW, "file", "-", "--repo", repository, *NAMED, "--state", state, "--json"]
    said = subprocess.run(words, input=b"from a pipe", capture_output=True, check=True)
    assert ask(capsys, state, "show", json.loads(said.stdout)["ticket"])[1]["text"] == "from a pipe"


def test_a_text_given_twice_is_refused(capsys: pytest.CaptureFixture[str], repository: Path, state: Path) -> None:
    (state.parent / "text").write_text("x", "utf-8")
    status, answer = ask(capsys, state, "fix", "also here", "--text-file", state.parent / "text", "--repo", repository)
    assert status == 2
    assert "twice" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fxi"], "did you mean `fix`?"),
        (["nonsense"], "`nightcrew --help` lists them"),
        (["show"], "Missing argument"),
        (["fix", "x", "--driver", "zip"], "'zip' is not one of"),
        (["fix", "x", "--attempts", "0"], "0 is not in the range"),
        (["cost", "--since", "long"], "30m, 12h, 7d or 2w"),
        (["shadow", "diff", "../x"], "no shadow's id"),
        (["shadow", "diff", "abcd"], "there is no shadow abcd"),
    ],
)
def test_wrong_usage_is_one_message(
    capsys: pytest.CaptureFixture[str], state: Path, words: list[str], message: str
) -> None:
    status, answer = ask(capsys, state, *words)
    assert status == 2
    assert message in answer["error"]["message"]


def test_without_json_an_error_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fxi"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nightcrew: there is no command `fxi`")


def test_init_writes_what_it_found_and_never_over_what_is_there(
    capsys: pytest.CaptureFixture[str], repository: Path, state: Path
) -> None:
    status, told = ask(capsys, state, "init", "--repo", repository)
    assert status == 0
    assert told["test"].startswith(("pytest", "python"))
    written = (repository / "nightcrew.toml").read_text("utf-8")
    assert "[test]" in written

    (repository / "nightcrew.toml").write_text("# mine\n", "utf-8")
    status, answer = ask(capsys, state, "init", "--repo", repository)
    assert status == 2
    assert "--force" in answer["error"]["message"]
    assert (repository / "nightcrew.toml").read_text("utf-8") == "# mine\n"
    assert ask(capsys, state, "init", "--repo", repository, "--force")[0] == 0
    assert (repository / "nightcrew.toml").read_text("utf-8") == written


def test_a_failed_run_in_ci_becomes_a_ticket(capsys: pytest.CaptureFixture[str], repository: Path, state: Path) -> None:
    junit = state.parent / "junit.xml"
    junit.write_text(
        '<testsuites><testsuite><testcase classname="tests.test_total" name="test_all_prices_count"><failure message="m">assert 9 == 12'
        '</failure></testcase><testcase classname="gone.test_x" name="test_y"><error>boom</error></testcase>'
        '<testcase classname="tests.test_total" name="test_nothing_costs_nothing"/></testsuite></testsuites>',
        "utf-8",
    )
    _, filed = ask(capsys, state, "file", "--from-junit", junit, "--repo", repository, *NAMED)
    assert filed["failing"] == ["tests/test_total.py::test_all_prices_count"]
    assert filed["unplaced"] == 1
    text = ask(capsys, state, "show", filed["ticket"])[1]["text"]
    assert "assert 9 == 12" in text
    assert "gone.test_x.test_y" in text

    log = state.parent / "log"
    log.write_text("noise\nFAILED tests/test_total.py::test_all_prices_count - assert 9 == 12\n1 failed\n", "utf-8")
    _, filed = ask(capsys, state, "file", "since Monday", "--from-log", log, "--repo", repository, *NAMED)
    assert filed["failing"] == ["tests/test_total.py::test_all_prices_count"]
    assert ask(capsys, state, "show", filed["ticket"])[1]["text"].startswith("since Monday\n\n")
    _, filed = ask(capsys, state, "file", "--from", junit, "--repo", repository, *NAMED)
    assert filed["failing"] == ["tests/test_total.py::test_all_prices_count"]
    status, answer = ask(capsys, state, "file", "--from", log, "--from-log", log, "--repo", repository, *NAMED)
    assert (status, "given twice" in answer["error"]["message"]) == (2, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<testsuites/>", "no failed test"),
        ("not xml", "no JUnit XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><testsuites/>', "document type"),
    ],
)
def test_a_junit_file_that_says_nothing_or_attacks_is_refused(
    capsys: pytest.CaptureFixture[str], repository: Path, state: Path, text: str, message: str
) -> None:
    (state.parent / "junit.xml").write_text(text, "utf-8")
    status, answer = ask(
        capsys, state, "file", "--from-junit", state.parent / "junit.xml", "--repo", repository, *NAMED
    )
    assert status == 2
    assert message in answer["error"]["message"]


def test_every_command_takes_json_and_state() -> None:
    from orchestrator.cli.entry import commands
    from tests.orchestrator.test_cli_reference import pages

    for page in pages(commands, "nightcrew"):
        if "Commands:" not in page:
            # What `mcp` and `lsp` print is their protocol; `serve` answers, and prints how to ask.
            silent = tuple(f"## nightcrew {name}\n" for name in ("mcp", "lsp", "serve"))
            assert "--json" in page or page.startswith(silent)
            assert "--state DIR" in page


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from orchestrator.cli.entry import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(said.stderr.split())
    assert not loaded & {"rich", "pydantic", "sqlalchemy", "alembic", "psutil", "pyfuse3", "trio"}


def test_looking_at_tickets_loads_nothing_to_validate_or_to_work_with(
    capsys: pytest.CaptureFixture[str], state: Path
) -> None:
    ask(capsys, state, "list")
    code = f"import sys; from orchestrator.cli.entry import run; run(['list', '--state', {str(state)!r}]); print(*sys.modules, file=sys.stderr)"
    # A machine that nobody configured.
    environ = {**os.environ, "XDG_CONFIG_HOME": str(state / "none")}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert not {"rich", "pydantic", "alembic", "pyfuse3", "trio"} & set(done.stderr.split())
