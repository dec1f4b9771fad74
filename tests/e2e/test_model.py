"""A fix by a model, from end to end: the installed command, a real server that speaks the protocol, a real shadow and sandbox."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.agents.models.server import Answer, Asked, serving
from tests.e2e.command import nightcrew
from tests.e2e.library import commit_all, git

FILES = {
    "sums.py": "def add(a, b):\n    return a - b\n",
    "test_sums.py": "import unittest\nfrom sums import add\n\n\nclass Tests(unittest.TestCase):\n"
    "    def test_add(self):\n        assert add(2, 3) == 5\n\n    def test_zero(self):\n        assert add(0, 0) == 0\n",
}
KEY = "sk-very-secret-words"


def calling(name: str, /, **arguments: object) -> Answer:
    """Return an answer that calls a tool, as servers stream it."""

    def answer(asked: Asked) -> None:
        asked.open()
        function = {"name": name, "arguments": json.dumps(arguments)}
        asked.chunk({"tool_calls": [{"index": 0, "id": f"call_{name}", "type": "function", "function": function}]})
        asked.chunk({}, "tool_calls")
        asked.send(json.dumps({"choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 100}}))
        asked.send("[DONE]")

    return answer


def saying(text: str) -> Answer:
    """Return an answer of plain words."""

    def answer(asked: Asked) -> None:
        asked.open()
        asked.chunk({"content": text})
        asked.chunk({}, "stop")
        asked.send(json.dumps({"choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 100}}))
        asked.send("[DONE]")

    return answer


PROBE = (calling("read_file", path="notes/colour.txt"), saying("It is vermilion."))
FIX = (
    calling("read", path="sums.py"),
    calling("run", command="env; cat sums.py"),
    calling("edit", path="sums.py", old="    return a - b", new="    return a + b"),
    calling("done", title="Add instead of subtracting", explanation="The sign was wrong."),
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    for name, text in FILES.items():
        (root / name).write_text(text)
    commit_all(root)
    return root


def fix(
    repository: Path, state: Path, environ: Mapping[str, str], *words: str
) -> tuple[int, Mapping[str, object], str]:
    """Run `nightcrew fix --agent model`; return its exit status, document and standard error."""
    given = ("fix", "add subtracts", "--repo", repository, "--agent", "model", "--failing", "test_sums.Tests.test_add")
    test = f"{sys.executable} -m unittest"
    answer = nightcrew(*given, "--test", test, *words, state=state, environ=environ)
    return answer.status, answer.document, answer.stderr


def environment(url: str, home: Path, table: Sequence[str] = ()) -> Mapping[str, str]:
    """Return variables that name the model in a configuration of their own, where prices can be said."""
    folder = home / "nightcrew"
    folder.mkdir(parents=True)
    lines = ["[models.local]", f'base_url = "{url}"', 'model = "test"', 'key_env = "TEST_KEY"', *table]
    (folder / "config.toml").write_text("\n".join(lines))
    return {"XDG_CONFIG_HOME": str(home), "TEST_KEY": KEY, "LLM_BASE_URL": "", "OPENAI_BASE_URL": ""}


def test_a_model_fixes_a_bug_and_what_it_cost_is_told(repository: Path, tmp_path: Path) -> None:
    with serving(*PROBE, *FIX) as server:
        environ = environment(server.url, tmp_path / "home", ["price_in = 2.0", "price_out = 10.0"])
        status, document, _ = fix(repository, tmp_path / "state", environ)
    assert (status, document["status"]) == (0, "verified"), document
    assert git(repository, "show", f"{document['branch']}:sums.py").rstrip().endswith("return a + b")
    assert (repository / "sums.py").read_text() == FILES["sums.py"]
    again = nightcrew("replay", str(document["ticket"]), state=tmp_path / "state", environ=environ).document
    assert [request["same"] for request in again["requests"]] == [True] * (len(PROBE) + len(FIX)), again
    assert (again["unasked"], again["ended"]) == (0, "proposed: Add instead of subtracting")
    cost = document["cost"]
    assert isinstance(cost, Mapping)
    assert (cost["tokens_in"], cost["tokens_out"]) == (6000, 600)
    assert cost["usd"] == pytest.approx(6 * (1000 * 2 + 100 * 10) / 1e6)
    told = [message for body in server.bodies for message in body["messages"]]
    assert server.asked[0].key == f"Bearer {KEY}"
    assert KEY not in json.dumps(told)
    state = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert KEY.encode() not in state


def test_dollars_are_not_spent_beyond_the_budget_and_the_work_is_kept(repository: Path, tmp_path: Path) -> None:
    with serving(*PROBE, *FIX) as server:
        environ = environment(server.url, tmp_path / "home", ["price_in = 2.0", "price_out = 1000.0"])
        status, document, _ = fix(repository, tmp_path / "state", environ, "--usd", "1.0")
        assert (status, document["status"]) == (4, "paused"), document
        spent = len(server.asked)
        assert spent < len(PROBE) + len(FIX)
        ticket = str(document["ticket"])
        more = nightcrew("resume", ticket, "--usd", "100", state=tmp_path / "state", environ=environ)
    assert more.document["status"] == "verified"
    assert len(server.asked) == len(PROBE) + len(FIX), "nothing was asked twice"


def test_no_model_and_a_wrong_key_are_told_with_what_to_do(repository: Path, tmp_path: Path) -> None:
    nowhere = {"LLM_BASE_URL": "", "OPENAI_BASE_URL": "", "LLM_MODEL": "", "XDG_CONFIG_HOME": str(tmp_path / "none")}
    status, document, _ = fix(repository, tmp_path / "state", nowhere)
    assert status == 2
    assert "set LLM_BASE_URL and LLM_MODEL" in str(document["error"])
    with serving(lambda asked: asked.refuse(401, '{"error": {"message": "no such key"}}')) as server:
        status, document, _ = fix(repository, tmp_path / "state", environment(server.url, tmp_path / "home"))
    assert status != 0
    assert "put a valid key into" in json.dumps(document)
    assert KEY not in json.dumps(document)


def test_a_model_that_holds_no_tools_is_asked_for_edits(repository: Path, tmp_path: Path) -> None:
    def answer(asked: Asked) -> None:
        told = asked.body["messages"][-1]["content"]
        saying("WRONG: return a - b\nRIGHT: return a + b" if "WRONG:" in told else "I see no tool.")(asked)

    with serving(answer) as server:
        environ = environment(server.url, tmp_path / "home", ["repair = false"])
        status, document, _ = fix(repository, tmp_path / "state", environ)
    assert (status, document["status"]) == (0, "verified"), document
    assert git(repository, "show", f"{document['branch']}:sums.py").rstrip().endswith("return a + b")
