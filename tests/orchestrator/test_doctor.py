"""The doctor says what works, what is used instead of what does not, and how to get it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from orchestrator.doctor import Check, examine
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


def test_a_state_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    state = by_name(examine(tmp_path / "file" / "state", os.environ))["state"]
    assert not state.works
    assert "--state" in state.instead


def test_the_command_says_the_same(tmp_path: Path) -> None:
    words = [str(NIGHTCREW), "doctor", "--state", str(tmp_path / "state")]
    told = subprocess.run([*words, "--json"], capture_output=True, check=False)
    document = json.loads(told.stdout)
    assert (told.returncode == 0) == document["able"]
    shown = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    assert all(check["name"] in shown for check in document["checks"])
    assert not (tmp_path / "state").exists() or not any((tmp_path / "state" / "shadows").glob("*"))
