"""The templates for CI services: their shape, and the script of the Action run as the service runs it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.command import NIGHTCREW, clean_environment
from tests.e2e.project import activated, make_project

CI = Path(__file__).parent.parent / "deploy" / "ci"
JUNIT = (
    '<testsuite><testcase classname="tests.test_total" name="test_all_prices_count"><failure/></testcase></testsuite>'
)


@pytest.fixture
def action() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((CI / "action.yml").read_text())
    return document


def test_the_action_has_no_input_within_a_script(action: dict[str, Any]) -> None:
    steps = action["runs"]["steps"]
    assert action["runs"]["using"] == "composite"
    assert all("${{" not in step.get("run", "") for step in steps)
    assert all(step["shell"] == "bash" for step in steps if "run" in step)
    named = {name for step in steps for value in step.get("env", {}).values() for name in action["inputs"] if f"inputs.{name} " in value}  # fmt: skip
    assert named == set(action["inputs"])


def propose(
    action: dict[str, Any], repository: Path, place: Path, files: str, options: str
) -> subprocess.CompletedProcess[str]:
    (place / "nightcrew" / "bin").mkdir(parents=True, exist_ok=True)
    link = place / "nightcrew" / "bin" / "nightcrew"
    link.unlink(missing_ok=True)
    link.symlink_to(NIGHTCREW)
    (step,) = (step for step in action["runs"]["steps"] if step["name"] == "Propose")
    given = {"RUNNER_TEMP": str(place), "FILES": files, "OPTIONS": options, "XDG_STATE_HOME": str(place / "state")}
    return subprocess.run(
        [shutil.which("bash") or "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=repository,
        env={**clean_environment(activated()), **given, "GITHUB_STEP_SUMMARY": str(place / "summary.md")},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_the_actions_script_leaves_a_patch_and_a_summary(action: dict[str, Any], tmp_path: Path) -> None:
    repository, place = make_project(tmp_path / "repository"), tmp_path / "place with a space"
    place.mkdir()
    (place / "junit $(touch owned).xml").write_text(JUNIT)
    done = propose(action, repository, place, f"\n{place}/junit $(touch owned).xml\n", "--seconds 120 --attempts 1")
    assert done.returncode == 0, done
    assert [each.name.endswith("-verified.patch") for each in (place / "nightcrew-patches").iterdir()] == [True]
    assert "nightcrew: verified" in (place / "summary.md").read_text()
    assert not (repository / "owned").exists() and not (place / "owned").exists()


@pytest.mark.parametrize(("options", "status"), [("--no-such-option", 2), ("--seconds 120 $(touch owned)", 2)])
def test_the_actions_script_fails_where_it_is_called_wrongly(
    action: dict[str, Any], tmp_path: Path, options: str, status: int
) -> None:
    repository = make_project(tmp_path / "repository")
    (tmp_path / "junit.xml").write_text(JUNIT)
    assert propose(action, repository, tmp_path, str(tmp_path / "junit.xml"), options).returncode == status
    assert not (repository / "owned").exists()


def test_the_template_for_gitlab_has_the_shape_of_a_hidden_job() -> None:
    document = yaml.safe_load((CI / "gitlab.yml").read_text())
    job = document.pop(".nightcrew")
    assert not document
    assert job["when"] == "on_failure"
    assert job["allow_failure"] == {"exit_codes": [3, 4, 5]}
    assert all(isinstance(line, str) for line in job["script"])
    assert set(job["artifacts"]["paths"]) == {"nightcrew-patches", "nightcrew.md"}
