"""The sampling agent over real suites in a real fork server, with a model that says what its script says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from agents import (
    Finish,
    Formed,
    MemoryWorkspace,
    ModelError,
    NoFix,
    OutOfBudget,
    Proposal,
    Question,
    Reply,
    Request,
    Result,
    ScriptedModel,
    Task,
    Trouble,
    Variant,
)
from agents.sampling import SamplingAgent, Settings
from tests.agents.repair.folder import FolderWorkspace, opened
from verifier import ForkServers, Suite

FILES: dict[str, str | bytes] = {
    "prices.py": "def total(prices, rebate):\n    summed = sum(prices)\n    return summed + rebate\n\n\n"
    "def label(price):\n    return f'{price} EUR'\n",
    "test_prices.py": "from prices import label, total\n\n\ndef test_label():\n    assert label(2) == '2 EUR'\n\n\n"
    "def test_rebate():\n    assert total([5, 5], 3) == 7\n\n\ndef test_none():\n    assert total([5, 5], 0) == 10\n",
}
FAILING = "test_prices.py::test_rebate"
RIGHT = "WRONG: return summed + rebate\nRIGHT: return summed - rebate\n"
OTHER = "WRONG:\n```python\n    return summed + rebate\n```\nRIGHT:\n```python\nreturn summed - abs(rebate)\n```\n"
WRONG = "WRONG: return summed + rebate\nRIGHT: return 7\n"
STATEMENT = "```python\nreturn summed - rebate\n```"
NOTHING = "I am sorry."
ONE = Settings(places=1, rounds=2, parallel=1, repair=False, walk=False)
Line = str | Reply | Exception | Callable[[Request], Reply]


def words(text: str) -> int:
    return len(text.split())


def work(
    folder: Path,
    script: Sequence[Line],
    settings: Settings = ONE,
    *,
    ask: bool = False,
    refused: tuple[str, ...] = (),
    variant: int = 0,
    formed: tuple[Formed, ...] = (),
) -> tuple[Result, FolderWorkspace, ScriptedModel]:
    with opened(folder, FILES) as (workspace, suite):
        model = ScriptedModel(script)
        task = Task("rebates", suite, (FAILING,), ask=ask, refused=refused, variant=Variant(variant), formed=formed)
        result = SamplingAgent(model, ForkServers(), settings, words).work(task, workspace)
        return result, workspace, model


def repaired(workspace: FolderWorkspace) -> bool:
    return (
        workspace.files["prices.py"] == str(FILES["prices.py"]).replace("summed + rebate", "summed - rebate").encode()
    )


def test_what_passes_all_tests_and_most_replies_ask_for_is_proposed(tmp_path: Path) -> None:
    result, workspace, model = work(tmp_path, [WRONG, RIGHT, NOTHING, STATEMENT, OTHER, RIGHT, NOTHING, NOTHING])
    assert isinstance(result, Proposal)
    assert repaired(workspace)
    assert result.title == "Correct total"
    assert "scripted asked for it" in result.explanation
    assert len(model.asked) == 8


def test_a_question_shows_the_failing_test_and_the_place_and_begins_like_all_others(tmp_path: Path) -> None:
    _, _, model = work(tmp_path, [RIGHT] * 8)
    first = model.asked[0].messages
    assert "def test_rebate" in first[1].text
    assert "def test_label" not in first[1].text
    assert "def total" in first[1].text
    assert "def label" not in first[1].text
    beginnings = {request.messages[1].text.partition("prices.py, lines")[0] for request in model.asked}
    assert len(beginnings) == 1


def test_the_first_reply_of_a_kind_is_the_likeliest(tmp_path: Path) -> None:
    _, _, model = work(tmp_path, [NOTHING] * 8)
    assert [request.temperature for request in model.asked] == [0.0, 0.8, 0.0, 0.0, 0.0, 0.8, 0.8][:8]


def test_a_place_that_is_asked_for_whole_is_predicted_as_it_stands_and_nothing_else_is(tmp_path: Path) -> None:
    _, _, model = work(tmp_path, [NOTHING] * 8)
    whole = [request for request in model.asked if "Reply with the corrected code" in request.messages[-1].text]
    assert {request.prediction for request in whole} == {
        "```python\ndef total(prices, rebate):\n    summed = sum(prices)\n    return summed + rebate\n```"
    }
    assert {request.prediction for request in model.asked if request not in whole} == {""}


def test_a_later_turn_is_told_what_was_tried_in_vain(tmp_path: Path) -> None:
    whole = "```python\ndef total(prices, rebate):\n    return sum(prices) - rebate\n```\n"
    result, workspace, model = work(tmp_path, [WRONG, NOTHING, NOTHING, NOTHING, whole, *[NOTHING] * 6])
    assert isinstance(result, Proposal)
    assert b"return sum(prices) - rebate" in workspace.files["prices.py"]
    assert "return 7\n-> test_prices.py::test_none fails" in model.asked[4].messages[-1].text
    assert "return 7" not in model.asked[3].messages[-1].text


@pytest.mark.parametrize(
    "useless",
    [
        "",
        "I am sorry.",
        "WRONG: return summed + rebate\nRIGHT: return (summed\n",
        "WRONG: return everything\nRIGHT: return nothing\n",
        "WRONG: return summed + rebate\nRIGHT: return summed + rebate\n",
        Reply(RIGHT, finish=Finish.LENGTH),
        ModelError(Trouble.REPETITION, "said the same for ever"),
    ],
)
def test_a_reply_that_is_no_edit_is_passed_over(tmp_path: Path, useless: Line) -> None:
    result, _, _ = work(tmp_path, [useless, RIGHT, *[useless] * 6])
    assert isinstance(result, Proposal)


def test_where_nothing_passes_it_says_so_and_leaves_the_files_as_they_were(tmp_path: Path) -> None:
    result, workspace, model = work(tmp_path, [WRONG] * 8)
    assert isinstance(result, NoFix)
    assert "replies of scripted over 1 places gave" in result.why
    assert workspace.files["prices.py"] == str(FILES["prices.py"]).encode()
    assert len(model.asked) == 7


def test_candidates_of_the_repair_agent_compete_with_those_of_the_model(tmp_path: Path) -> None:
    result, workspace, _ = work(tmp_path, [NOTHING] * 40, Settings(places=1, rounds=6, parallel=1, walk=False))
    assert isinstance(result, Proposal)
    assert repaired(workspace)
    assert "the repair agent found it" in result.explanation


def test_where_edits_that_pass_do_different_things_and_nothing_decides_it_asks(tmp_path: Path) -> None:
    script = [RIGHT, OTHER, *[NOTHING] * 6]
    result, workspace, _ = work(tmp_path, script, ask=True)
    assert isinstance(result, Question)
    assert "what should `total(" in result.text
    patches = [option.proposal.change.after("prices.py") for option in result.options]
    assert len(patches) == 2 and all(patch and b"summed - " in patch for patch in patches)
    assert workspace.files["prices.py"] == str(FILES["prices.py"]).encode()


def test_what_was_refused_before_is_told_and_not_proposed_again(tmp_path: Path) -> None:
    refused = (
        "It changed:\n-    return summed + rebate\n+    return summed - rebate\nIt was refused:\n- by the check x: y"
    )
    script = [RIGHT, OTHER, *[NOTHING] * 6]
    result, workspace, model = work(tmp_path, script, refused=(refused,))
    assert isinstance(result, Proposal)
    assert b"abs(rebate)" in workspace.files["prices.py"]
    assert "by the check x: y" in model.asked[0].messages[1].text


def test_attempts_of_one_job_stray_further_each(tmp_path: Path) -> None:
    _, _, model = work(tmp_path, [NOTHING] * 8, variant=1)
    assert max(request.temperature or 0.0 for request in model.asked) == pytest.approx(1.1)


@pytest.mark.parametrize("end", [ModelError(Trouble.UNREACHABLE, "gone"), OutOfBudget("the dollars are spent")])
def test_what_passes_is_proposed_where_nothing_more_can_be_asked(tmp_path: Path, end: Exception) -> None:
    result, workspace, _ = work(tmp_path, [WRONG, RIGHT, NOTHING, NOTHING, *[end] * 4])
    assert isinstance(result, Proposal)
    assert repaired(workspace)


def test_trouble_that_no_sample_escapes_is_raised(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="valid key"):
        work(tmp_path, [ModelError(Trouble.WRONG_KEY, "401")])


def test_a_life_after_a_crash_asks_nothing_again(tmp_path: Path) -> None:
    script = [WRONG, RIGHT, OTHER, *[NOTHING] * 5]
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


def test_it_notes_what_came_of_each_form_it_asked_for(tmp_path: Path) -> None:
    _, workspace, _ = work(tmp_path, [WRONG, NOTHING, "", STATEMENT, *[NOTHING] * 4])
    forms = [step.data["forms"] for step in workspace.journal() if step.kind == "note:turn"]
    assert forms[0] == {"any": [2, 1], "statement": [1, 1]}, "what came empty says nothing of a form"


def test_the_form_that_served_the_model_best_is_asked_for_first_and_a_life_after_a_crash_keeps_to_it(
    tmp_path: Path,
) -> None:
    formed = (Formed("scripted", "any", 80, 8), Formed("scripted", "whole", 40, 38))
    _, workspace, model = work(tmp_path / "first", [NOTHING] * 8, formed=formed)
    assert "whole, in one fenced block" in model.asked[0].messages[-1].text
    with opened(tmp_path / "second", FILES, journal=workspace.journal()) as (second, suite):
        again = ScriptedModel([])
        task = Task("rebates", suite, (FAILING,))
        assert isinstance(SamplingAgent(again, ForkServers(), ONE, words).work(task, second), NoFix)
    assert again.asked == []


@pytest.mark.parametrize(("plan", "says"), [(True, "A plan was asked for"), (False, "stand still")])
def test_what_samples_cannot_do_is_said_before_anything_is_asked(plan: bool, says: str) -> None:
    model = ScriptedModel([])
    task = Task("rebates", Suite("pytest"), (FAILING,), plan=plan, follow=not plan)
    result = SamplingAgent(model, ForkServers(), ONE, words).work(task, MemoryWorkspace({}))
    assert isinstance(result, NoFix)
    assert says in result.why
    assert not model.asked
