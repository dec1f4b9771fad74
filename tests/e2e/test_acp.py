"""A fix by an agent of the Agent Client Protocol, from end to end: a real one, made with the protocol's package, in a real sandbox."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.agents.acp import FIXER
from tests.agents.models.server import serving
from tests.e2e.command import nightcrew
from tests.e2e.library import commit_all, git
from tests.e2e.test_door import replies

KEY = "sk-very-secret-words"
FILES = {
    "nightcrew.toml": "[language]\nenabled = false\n",
    "sums.py": "def add(a, b):\n    return a - b\n",
    "test_sums.py": "import unittest\nfrom sums import add\n\n\nclass Tests(unittest.TestCase):\n"
    "    def test_add(self):\n        assert add(2, 3) == 5\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    for name, text in FILES.items():
        (root / name).write_text(text)
    commit_all(root)
    return root


def configured(home: Path, models: str) -> Mapping[str, str]:
    """Return variables that name a machine's file, which shows the agent to sandboxes."""
    (home / "nightcrew").mkdir(parents=True)
    (home / "nightcrew" / "config.toml").write_text(f'[sandbox]\ntoolchains = ["{FIXER.parent}"]\n{models}')
    return {"XDG_CONFIG_HOME": str(home), "TEST_KEY": KEY, "LLM_BASE_URL": "", "OPENAI_BASE_URL": ""}


def fix(repository: Path, state: Path, environ: Mapping[str, str]) -> tuple[int, Mapping[str, object]]:
    """Run `nightcrew fix --agent acp:…` and return its exit status and document."""
    agent = f"acp:{shlex.join([sys.executable, str(FIXER), 'sums.py', 'a - b', 'nonsense'])}"
    given = ("fix", "add subtracts", "--repo", repository, "--agent", agent, "--failing", "test_sums.Tests.test_add")
    answer = nightcrew(*given, "--test", f"{sys.executable} -m unittest", state=state, environ=environ)
    return answer.status, answer.document


def test_an_agent_fixes_a_bug_with_files_commands_and_the_model_that_nightcrew_gives_it(
    repository: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    with serving(replies("a + b")) as server:
        model = f'[models.local]\nbase_url = "{server.url}"\nmodel = "test"\nkey_env = "TEST_KEY"\n'
        status, document = fix(repository, state, configured(tmp_path / "home", model))
    assert (status, document["status"]) == (0, "verified"), document
    assert git(repository, "show", f"{document['branch']}:sums.py").rstrip().endswith("return a + b")
    assert "I put 'a + b' for 'a - b'." in git(repository, "log", "-1", "--format=%B", str(document["branch"]))
    assert (repository / "sums.py").read_text() == FILES["sums.py"]
    assert [asked.key for asked in server.asked] == [f"Bearer {KEY}"]
    logs = json.dumps(nightcrew("logs", str(document["ticket"]), state=state).document)
    assert all(kind in logs for kind in ("acp_session", "acp_permission", "acp_terminal", "acp_turn", "door_asked"))
