"""The doctor says what works, what is used instead of what does not, and how to get it."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path

from orchestrator.doctor import Check, examine
from tests.agents.models.server import Asked, serving
from tests.e2e.command import NIGHTCREW


def by_name(checks: tuple[Check, ...]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_every_check_says_why_and_what_to_do(tmp_path: Path) -> None:
    checks = by_name(examine(tmp_path / "state", os.environ))
    assert {"git", "sandbox", "nsenter", "pyfuse3", "fuse shadow", "copy shadow", "disk", "state", "python"} <= set(
        checks
    )
    assert all(check.why for check in checks.values())
    assert not [check.name for check in checks.values() if not check.works and not check.get]
    assert checks["git"].works
    assert checks["copy shadow"].works


def test_what_is_missing_comes_with_what_is_used_instead(tmp_path: Path) -> None:
    checks = by_name(examine(tmp_path / "state", {"PATH": str(tmp_path)}))
    assert not checks["git"].works
    assert checks["git"].get.endswith("apt-get install git")
    assert (checks["nsenter"].works, checks["nsenter"].instead) == (False, "the copy driver")


def test_a_model_is_asked_for_a_token_and_what_is_in_the_way_is_told(tmp_path: Path) -> None:
    def says_yes(asked: Asked) -> None:
        asked.open()
        asked.chunk({"content": "yes"})
        asked.chunk({}, "length")
        asked.send("[DONE]")

    def refuses(asked: Asked) -> None:
        asked.refuse(401, '{"error": {"message": "no such key"}}')

    for answer, works in ((says_yes, True), (refuses, False)):
        with serving(answer) as server:
            environ = {**os.environ, "LLM_BASE_URL": server.url, "LLM_MODEL": "m", "XDG_CONFIG_HOME": str(tmp_path)}
            check = by_name(examine(tmp_path / "state", environ))["model default"]
        assert check.works is works, check
    assert "valid key" in check.get
    environ = {
        **os.environ,
        "LLM_BASE_URL": "",
        "OPENAI_BASE_URL": "",
        "LLM_MODEL": "",
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    assert by_name(examine(tmp_path / "state", environ))["models"].why == "none is configured"


def test_a_state_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    state = by_name(examine(tmp_path / "file" / "state", os.environ))["state"]
    assert not state.works
    assert "--state" in state.instead


def test_every_extra_is_looked_for(tmp_path: Path) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    told = by_name(examine(tmp_path / "state", os.environ))
    looked_for = {name.removeprefix("extra ") for name in told if name.startswith("extra ")} | {"docker", "fuse"}
    assert looked_for == set(project["optional-dependencies"])


def test_the_command_says_the_same(tmp_path: Path) -> None:
    words = [str(NIGHTCREW), "doctor", "--state", str(tmp_path / "state")]
    told = subprocess.run([*words, "--json"], capture_output=True, check=False)
    document = json.loads(told.stdout)
    assert (told.returncode == 0) == document["able"]
    shown = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    assert all(check["name"] in shown for check in document["checks"])
    assert not (tmp_path / "state").exists() or not any((tmp_path / "state" / "shadows").glob("*"))
