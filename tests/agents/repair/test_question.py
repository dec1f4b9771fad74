"""The agent asks where plausible patches do different things and nothing decides, and proposes where something does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agents import MemoryWorkspace, Proposal, Question, RepairAgent, Result, Task
from agents.repair import Settings
from agents.repair.one_by_one import patched
from verifier import (
    Behaviour,
    Candidate,
    Ending,
    Outcome,
    Ran,
    ScriptedTrials,
    Suite,
    SuiteReport,
    TestResult,
    Trial,
)

CODE = b"def middle(low, high):\n    return low + high\n"
FAILING = "test_m.py::test_equal_ends"
TASK = Task("the middle of 4 and 4 is 4", Suite("pytest"), (FAILING,), ask=True)
INPUTS = ((4, 4), (2, 3), (9, 0), (5, 6))


def run(source: bytes, *words: int) -> str:
    """Call the function of a source, in this very process."""
    names: dict[str, object] = {}
    exec(source, names)
    middle = names["middle"]
    assert callable(middle)
    return f"returns {middle(*words)!r}"


def trials(only: Sequence[str], inputs: Sequence[tuple[int, int]] = INPUTS) -> ScriptedTrials:
    """Pretend that the candidates whose return expression is one of `only` pass, and tell what they really do."""

    def judge(candidate: Candidate, tests: Sequence[str]) -> Trial:
        del tests
        fits = any(patched("m.py", CODE, candidate, "utf-8").endswith(f"return {each}\n".encode()) for each in only)
        return Trial(candidate, Ending.PASSED if fits else Ending.FAILED)

    def behave(candidates: Sequence[Candidate]) -> tuple[Behaviour, ...]:
        sources = [patched("m.py", CODE, each, "utf-8") for each in candidates]
        return tuple(
            Behaviour(
                f"middle{words}",
                sum(words),
                told := tuple(run(each, *words) for each in sources),
                told,
                run(CODE, *words),
                run(CODE, *words),
                mutated=False,
                failing=False,
            )
            for words in inputs
        )

    lines = {FAILING: {"m.py": frozenset({2})}}
    return ScriptedTrials({FAILING: Outcome.FAILED}, judge, lines, behave)


def say(files: object, ids: Sequence[str] | None) -> SuiteReport:
    del files, ids
    return SuiteReport(Ran.COMPLETED, (TestResult(FAILING, Outcome.PASSED),), (FAILING,))


def work(*only: str, task: Task = TASK, inputs: Sequence[tuple[int, int]] = INPUTS) -> tuple[Result, MemoryWorkspace]:
    workspace = MemoryWorkspace({"m.py": CODE, "test_m.py": b"def test_equal_ends(): ...\n"}, say=say)
    return RepairAgent(trials(only, inputs), Settings(batch=48, further_at_least=300)).work(task, workspace), workspace


def test_patches_that_disagree_with_nothing_to_decide_become_a_question() -> None:
    asked, workspace = work("low", "high")
    assert isinstance(asked, Question), asked
    assert asked.text == (
        "2 patches make the failing tests pass and break no other, but they do not do the same: what should"
        " `middle(2, 3)` do? As the code is, `middle(2, 3)` returns 5."
    )
    assert {option.shows for option in asked.options} == {"`middle(2, 3)` returns 2", "`middle(2, 3)` returns 3"}
    contents = {option.proposal.change.after("m.py") for option in asked.options}
    assert contents == {CODE.replace(b"low + high", name) for name in (b"low", b"high")}
    assert all("2 passed and fall into 2 behaviours on 4 inputs" in each.proposal.explanation for each in asked.options)
    assert workspace.files["m.py"] == CODE
    kinds = [step.kind for step in workspace.journal()]
    assert kinds.count("note:behaviours") == kinds.count("note:question") == 1


def test_a_second_life_asks_the_same_without_a_second_search() -> None:
    first, workspace = work("low", "high")
    again = MemoryWorkspace(dict(workspace.files), say=say, journal=workspace.journal())
    factory = trials(("low", "high"))
    second = RepairAgent(factory, Settings(batch=48, further_at_least=300)).work(TASK, again)
    assert isinstance(first, Question) and isinstance(second, Question)
    assert (second.text, [each.shows for each in second.options]) == (
        first.text,
        [each.shows for each in first.options],
    )
    assert factory.tried == []


def test_where_nobody_answers_the_likeliest_is_proposed() -> None:
    proposed, workspace = work("low", "high", task=replace(TASK, ask=False))
    assert isinstance(proposed, Proposal)
    assert workspace.files["m.py"] in {CODE.replace(b"low + high", name) for name in (b"low", b"high")}


def test_patches_that_do_the_same_are_no_question() -> None:
    proposed, workspace = work("low", "high", inputs=((4, 4),))
    assert isinstance(proposed, Proposal)
    assert "2 passed and do the same on 1 input," in proposed.explanation
    assert "note:question" not in {step.kind for step in workspace.journal()}


def test_a_patch_alone_is_not_compared() -> None:
    alone, workspace = work("low")
    assert isinstance(alone, Proposal)
    assert "no other one passed" in alone.explanation
    assert "note:behaviours" not in {step.kind for step in workspace.journal()}
