"""Which language servers the command line finds and uses: in the verdict of a fix, off by configuration, refused by a wrong name."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from orchestrator.cli.edge import Edge
from orchestrator.errors import BadConfig
from tests.e2e.command import Answer, nightcrew
from tests.e2e.library import commit_all
from tests.verifier.language.doubles import written

BIN = Path(sys.prefix) / "bin"
FILES = {
    "age.py": "def old_enough(age, limit):\n    return age > limit\n",
    "check.sh": "python3 -c 'import age; assert age.old_enough(18, 18)'\n",
}


def fixed(tmp_path: Path, edit: str) -> Answer:
    repository = written(tmp_path / "repository", FILES)
    commit_all(repository)
    words = ("fix", "18 is old enough", "--repo", repository, "--test", "sh check.sh", "--failing", "sh check.sh")
    path = f"{BIN}:{os.environ['PATH']}"
    return nightcrew(*words, "--agent", f"command:{edit}", state=tmp_path / "state", environ={"PATH": path})


def rung(answer: Answer) -> tuple[str, str]:
    (found,) = [each for each in answer.document["verdict"]["rungs"] if each["name"] == "diagnostics"]
    return found["status"], found["why"]


@pytest.mark.skipif(not (BIN / "ruff").exists(), reason="ruff is not installed beside this interpreter")
def test_a_fix_with_a_new_error_is_not_verified(tmp_path: Path) -> None:
    answer = fixed(tmp_path, "sed -i s/.limit$/=\\ limit\\ or\\ nobody/ age.py")
    assert answer.status == 5, answer
    status, why = rung(answer)
    assert status == "fail"
    assert "nobody" in why


def test_what_a_server_needs_is_shown_to_it_and_wrong_names_are_errors(tmp_path: Path) -> None:
    home = tmp_path / "home"
    program = home / ".local" / "share" / "tools" / "bin" / "ruff"
    written(program.parent, {"ruff": "#!/bin/sh\n"})
    program.chmod(0o755)
    (home / ".local" / "bin").mkdir()
    (home / ".local" / "bin" / "ruff").symlink_to(program)
    repository = written(tmp_path / "repository", {"nightcrew.toml": '[test]\ncommand = "sh check.sh"\n'})
    edge = Edge({"PATH": f"{home}/.local/bin"}, home, tmp_path / "own", tmp_path / "state")
    settings = edge.settings(repository)
    assert [found.program for found in settings.servers] == [f"{home}/.local/bin/ruff"]
    assert {home / ".local" / "bin" / "ruff", program.parent.parent} <= set(settings.toolchains)
    written(repository, {"nightcrew.toml": '[test]\ncommand = "sh check.sh"\n[language]\noff = ["rough"]\n'})
    with pytest.raises(BadConfig, match="'rough'; the servers are ruff, ty"):
        edge.settings(repository)
    for table in ("enabled = false", 'off = ["ruff"]'):
        written(repository, {"nightcrew.toml": f'[test]\ncommand = "sh check.sh"\n[language]\n{table}\n'})
        assert edge.settings(repository).servers == ()
