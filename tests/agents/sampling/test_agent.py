"""The sampling agent over real suites in a real fork server, with a model that says what its script says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from agents import Finish, ModelError, NoFix, Proposal, Reply, Request, Result, ScriptedModel, Task, Trouble
from agents.sampling import SamplingAgent, Settings
from tests.agents.repair.folder import FolderWorkspace, opened
from verifier import ForkServers

FILES: dict[str, str | bytes] = {
    "prices.py": "def total(prices, rebate):\n    summed = sum(prices)\n    return summed + rebate\n\n\n"
    "def label(price):\n    return f'{price} EUR'\n",
    "test_prices.py": "from prices import label, total\n\n\ndef test_rebate():\n    assert total([5, 5], 3) == 7\n\n\n"
    "def test_none():\n    assert total([5, 5], 0) == 10\n\n\ndef test_label():\n    assert label(2) == '2 EUR'\n",
}
FAILING = "test_prices.py::test_rebate"
RIGHT = "def total(prices, rebate):\n    summed = sum(prices)\n    return summed - rebate\n"
OTHER = "def total(prices, rebate):\n    summed = sum(prices)\n    return summed - abs(rebate)\n"
WRONG = "def total(prices, rebate):\n    return 7\n"
ONE = Settings(places=1, samples=3, rounds=2, parallel=1)
Line = str | Reply | Exception | Callable[[Request], Reply]


def fence(code: str) -> str:
    return f"Here it is:\n```python\n{code}```\n"


def words(text: str) -> int:
    return len(text.split())


def work(
    folder: Path, script: Sequence[Line], settings: Settings = ONE
) -> tuple[Result, FolderWorkspace, ScriptedModel]:
    with opened(folder, FILES) as (workspace, suite):
        model = ScriptedModel(script)
        result = SamplingAgent(model, ForkServers(), settings, words).work(
            Task("rebates", suite, (FAILING,)), workspace
        )
        return result, workspace, model


def test_what_passes_all_tests_and_most_replies_ask_for_is_proposed(tmp_path: Path) -> None:
    result, workspace, model = work(tmp_path, [fence(WRONG), fence(RIGHT), fence(OTHER)])
    assert isinstance(result, Proposal)
    assert (
        workspace.files["prices.py"] == str(FILES["prices.py"]).replace("summed + rebate", "summed - rebate").encode()
    )
    assert result.title == "Correct total"
    asked = model.asked[0].messages
    assert "def test_rebate" in asked[1].text
    assert "def total" in asked[-1].text
    assert "def label" not in asked[-1].text.partition("prices.py, lines")[2]
    assert all(request.messages == asked for request in model.asked)


def test_the_first_sample_of_a_place_is_the_likeliest_reply(tmp_path: Path) -> None:
    _, _, several = work(tmp_path / "several", [fence(WRONG)] * 6)
    _, _, lone = work(tmp_path / "lone", [fence(WRONG)] * 2, Settings(places=1, samples=1, rounds=2, parallel=1))
    assert [request.temperature for request in several.asked] == [0.0, 0.8, 0.8] * 2
    assert [request.temperature for request in lone.asked] == [0.0, 0.0]


def test_a_second_round_is_told_how_the_first_failed(tmp_path: Path) -> None:
    result, _, model = work(tmp_path, [fence(WRONG)] * 3 + [fence(RIGHT)] * 3)
    assert isinstance(result, Proposal)
    assert "return 7" in model.asked[3].messages[-1].text
    assert "With this test_prices.py::test_none fails" in model.asked[3].messages[-1].text
    assert "With this" not in model.asked[2].messages[-1].text


@pytest.mark.parametrize(
    "useless",
    [
        "",
        "I am sorry.",
        fence("def total(prices, rebate:\n"),
        fence("def other():\n    pass\n"),
        fence(str(FILES["prices.py"]).partition("\n\n\n")[0] + "\n"),
        Reply(fence(RIGHT), finish=Finish.LENGTH),
        ModelError(Trouble.REPETITION, "said the same for ever"),
    ],
)
def test_a_reply_that_is_no_edit_is_passed_over(tmp_path: Path, useless: Line) -> None:
    result, _, _ = work(tmp_path, [useless, fence(RIGHT), useless])
    assert isinstance(result, Proposal)


def test_where_nothing_passes_it_says_so_and_leaves_the_files_as_they_were(tmp_path: Path) -> None:
    result, workspace, model = work(tmp_path, [fence(WRONG)] * 6)
    assert isinstance(result, NoFix)
    assert "6 replies of scripted over 1 places gave 1 different edits" in result.why
    assert workspace.files["prices.py"] == str(FILES["prices.py"]).encode()
    assert len(model.asked) == 6


def test_trouble_that_no_sample_escapes_is_raised(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="valid key"):
        work(tmp_path, [ModelError(Trouble.WRONG_KEY, "401")])


def test_a_life_after_a_crash_asks_nothing_again(tmp_path: Path) -> None:
    script = [fence(WRONG), fence(RIGHT), fence(OTHER)]
    first, workspace, _ = work(tmp_path / "first", script)
    assert isinstance(first, Proposal)
    steps = workspace.journal()
    written = next(at for at, step in enumerate(steps) if step.kind == "write")
    with opened(tmp_path / "second", FILES, journal=steps[: written + 1]) as (second, suite):
        second.write("prices.py", workspace.files["prices.py"])
        model = ScriptedModel([])
        result = SamplingAgent(model, ForkServers(), ONE, words).work(Task("rebates", suite, (FAILING,)), second)
    assert isinstance(result, Proposal)
    assert model.asked == []
    assert second.files == workspace.files
