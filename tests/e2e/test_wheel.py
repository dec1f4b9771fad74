"""The wheel works outside the checkout: it has all five packages, the migrations, and the program for the project's interpreter."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

from tests.e2e.command import clean_environment
from tests.e2e.installed import ROOT, installation
from tests.e2e.project import FAILING, TICKET, activated, fixed, make_project


def test_the_wheel_has_every_file_of_the_packages() -> None:
    (wheel,) = (installation().parent.parent / "wheel").glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    for package in ("orchestrator", "agents", "verifier", "sandbox", "shadowfs"):
        sources = {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py")}
        assert sources <= inside
    assert not [name for name in inside if name.startswith(("tests/", "deploy/"))]


def test_the_installed_command_fixes_a_bug(tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository")
    command: list[str | Path] = [
        installation() / "nightcrew",
        "fix",
        TICKET,
        "--failing",
        FAILING,
        "--json",
        "--state",
        tmp_path / "state",
    ]
    done = subprocess.run(command, cwd=repository, capture_output=True, env=clean_environment(activated()), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert fixed(repository, json.loads(done.stdout)["branch"])


def test_the_installed_command_is_not_the_checkouts(tmp_path: Path) -> None:
    code = "import orchestrator, pathlib; print(pathlib.Path(orchestrator.__file__).resolve())"
    said = subprocess.run(
        [installation() / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert not Path(said.stdout.strip()).is_relative_to(ROOT)
