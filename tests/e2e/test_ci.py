"""A red build of a real pytest run becomes one ticket, a verified branch, a patch and a summary."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.command import NIGHTCREW, clean_environment, nightcrew, until
from tests.e2e.library import git
from tests.e2e.project import FAILING, activated, make_project
from tests.e2e.traces import digest


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_project(tmp_path / "repository")


def red_build(repository: Path, left: Path) -> tuple[Path, Path]:
    """Run the suite as a CI does; return the JUnit file and the log that it leaves."""
    junit, log = left / "junit.xml", left / "build.log"
    python = Path(activated()["VIRTUAL_ENV"]) / "bin" / "python"
    words: list[str | Path] = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={junit}"]
    environ = {**os.environ, **activated(), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(words, cwd=repository, capture_output=True, check=False, env=environ)
    assert done.returncode == 1, done.stdout
    log.write_bytes(done.stdout)
    return junit, log


def test_a_red_build_becomes_one_ticket_a_patch_and_a_summary(repository: Path, tmp_path: Path) -> None:
    junit, log = red_build(repository, tmp_path)
    green = tmp_path / "green.xml"
    green.write_text(
        '<testsuite><testcase classname="tests.test_total" name="test_nothing_costs_nothing"/></testsuite>'
    )
    summary = tmp_path / "summary.md"
    answer = nightcrew(
        *("ci", junit, log, green, "--repo", repository, "--patches", tmp_path / "patches"),
        state=tmp_path / "state",
        environ={**activated(), "GITHUB_STEP_SUMMARY": str(summary)},
    )
    assert answer.status == 0, answer
    (ticket,) = answer.document["tickets"]
    assert (ticket["status"], ticket["files"]) == ("verified", ["shop/total.py"])
    assert answer.document["quiet"] == [f"{green}: it tells of nothing that failed: there is nothing to fix"]
    (patch,) = (tmp_path / "patches").iterdir()
    assert patch.name == f"{ticket['ticket']}-verified.patch"
    git(repository, "apply", "--check", str(patch))
    told = summary.read_text()
    assert told.startswith("## nightcrew: verified\n")
    assert f"`{ticket['branch']}`" in told and "| ✅ | reproduce |" in told and FAILING.partition("::")[2] in told


def test_a_build_in_which_nothing_failed_is_no_ticket(repository: Path, tmp_path: Path) -> None:
    green = tmp_path / "green.xml"
    green.write_text("<testsuite><testcase name='a'/></testsuite>")
    answer = nightcrew("ci", green, "--repo", repository, state=tmp_path / "state", environ=activated())
    assert (answer.status, answer.document["tickets"]) == (0, [])


def test_a_build_that_cannot_be_mended_says_so(repository: Path, tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    log.write_text("FAILED tests/test_total.py::test_gone - nobody has it\n")
    answer = nightcrew(
        *("ci", log, "--repo", repository, "--seconds", "60"), state=tmp_path / "state", environ=activated()
    )
    assert answer.status != 0
    assert answer.document["tickets"][0]["branch"] is None


def test_ctrl_c_begins_no_other_ticket_and_leaves_the_tree(repository: Path, tmp_path: Path) -> None:
    junit, _ = red_build(repository, tmp_path)
    other = tmp_path / "other.log"
    other.write_text("FAILED tests/test_total.py::test_nothing_costs_nothing - also\n")
    before, state = digest(repository), tmp_path / "state"
    words: list[str | Path] = [NIGHTCREW, "ci", junit, other, "--repo", repository, "--state", state, "--json"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment(activated())
    ) as process:
        until(process, "attempt")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 4, output
    assert [ticket["status"] for ticket in json.loads(output)["tickets"]] == ["paused"]
    assert digest(repository) == before
