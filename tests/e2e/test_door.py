"""Somebody else's agent and a model: the installed command, a program that is no part of the repository, a real server behind the door."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.agents.models.server import Answer, serving
from tests.e2e.command import nightcrew
from tests.e2e.library import commit_all, git

SETTINGS = "[language]\nenabled = false\n"
FILES = {
    "nightcrew.toml": SETTINGS,
    "sums.py": "def add(a, b):\n    return a - b\n",
    "test_sums.py": "import unittest\nfrom sums import add\n\n\nclass Tests(unittest.TestCase):\n"
    "    def test_add(self):\n        assert add(2, 3) == 5\n",
}
KEY = "sk-very-secret-words"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100}
PROGRAM = """\
import json, os, sys, urllib.error, urllib.request

def ask(path, **body):
    request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + path, json.dumps(body).encode())
    request.add_header("Authorization", "Bearer " + os.environ["OPENAI_API_KEY"])
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)

def chat(text, model=os.environ.get("LLM_MODEL")):
    return ask("/chat/completions", model=model, max_tokens=100, messages=[{"role": "user", "content": text}])

refused = [ask("/files")[0], chat("hello", "another")[0]]
status, reply = chat(sys.stdin.read())
if status != 200:
    sys.exit(reply["error"]["message"])
with open("sums.py", "w") as file:
    file.write(reply["choices"][0]["message"]["content"])
print("refused", refused, dict(os.environ))
"""


def replies(text: str) -> Answer:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return lambda asked: asked.refuse(200, json.dumps({"choices": [choice], "usage": USAGE}))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    for name, text in FILES.items():
        (root / name).write_text(text)
    commit_all(root)
    return root


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Return a directory with a program, which no sandbox shows unless the machine's file says so."""
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "agent.py").write_text(PROGRAM)
    return folder


def configured(url: str, home: Path, tools: Path) -> Mapping[str, str]:
    (home / "nightcrew").mkdir(parents=True)
    model = f'base_url = "{url}"\nmodel = "test"\nkey_env = "TEST_KEY"\nprice_in = 2.0\nprice_out = 10.0\n'
    text = f'[sandbox]\ntoolchains = ["{tools}"]\n\n[models.local]\n{model}'
    (home / "nightcrew" / "config.toml").write_text(text)
    return {"XDG_CONFIG_HOME": str(home), "TEST_KEY": KEY, "LLM_BASE_URL": "", "OPENAI_BASE_URL": ""}


def test_a_program_outside_the_repository_fixes_a_bug_with_the_configured_model_as_far_as_the_budget_goes(
    repository: Path, tools: Path, tmp_path: Path
) -> None:
    state, agent = tmp_path / "state", f"command:python3 {tools}/agent.py"
    given = ("--repo", repository, "--test", f"{sys.executable} -m unittest", "--failing", "test_sums.Tests.test_add")
    with serving(replies(FILES["sums.py"].replace("-", "+"))) as server:
        environ = configured(server.url, tmp_path / "home", tools)
        paused = nightcrew(
            "fix", "add subtracts", *given, "--agent", agent, "--usd", "0.0001", state=state, environ=environ
        )
        assert (paused.status, paused.document["status"], server.asked) == (4, "paused", []), paused.document
        done = nightcrew("resume", str(paused.document["ticket"]), "--usd", "1", state=state, environ=environ)
    document = done.document
    assert (done.status, document["status"]) == (0, "verified"), document
    assert git(repository, "show", f"{document['branch']}:sums.py").rstrip().endswith("return a + b")
    said = git(repository, "log", "-1", "--format=%B", document["branch"])
    assert "refused [404, 404]" in said
    cost = document["cost"]
    assert (cost["tokens_in"], cost["tokens_out"]) == (1000, 100)
    assert cost["usd"] == pytest.approx((1000 * 2 + 100 * 10) / 1e6)
    assert [asked.key for asked in server.asked] == [f"Bearer {KEY}"]
    assert server.bodies[0]["messages"] == [{"role": "user", "content": "add subtracts"}]
    assert KEY not in said
    assert all(KEY.encode() not in path.read_bytes() for path in state.rglob("*") if path.is_file())
