"""The course of attempts: what follows what, bounded, and the same in every life."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.records import AttemptRecord, AttemptState, OptionRecord
from orchestrator.working.course import OBJECTION_CHARACTERS, Course, Tried, following, objection
from verifier import Evidence, RungResult, Status, Verdict

GOOD = Verdict("b", "t", (RungResult("reproduce", Status.PASS, ""), RungResult("suite", Status.PASS, "")))
BAD = Verdict("b", "t", (RungResult("suite", Status.FAIL, "test_x fails now"),))
UNSHOWN = Verdict("b", "t", (RungResult("reproduce", Status.SKIP, "no test"), RungResult("suite", Status.PASS, "")))


def ended(record: AttemptRecord, verdict: Verdict | None) -> Tried:
    """Return a record as it is once it ended: without a verdict it found no fix."""
    if verdict is None:
        return Tried(replace(record, state=AttemptState.NO_FIX, why="nothing"))
    record = replace(record, state=AttemptState.PROPOSED, tree="t", title="Change it")
    return Tried(record, verdict, objection(record, b"-old\n+new\n", verdict))


def played(course: Course, *verdicts: Verdict | None) -> list[Tried]:
    """Return the attempts that a course makes while these are the verdicts."""
    tried: list[Tried] = []
    while (record := following(course, tried)) is not None:
        tried.append(ended(record, verdicts[len(tried)] if len(tried) < len(verdicts) else None))
    return tried


def agents(tried: list[Tried]) -> list[str]:
    return [each.record.agent for each in tried]


def test_one_agent_that_finds_nothing_is_asked_once() -> None:
    assert agents(played(Course(("repair",), rounds=2), None)) == ["repair"]


def test_a_refused_model_goes_on_with_what_was_said_a_few_times() -> None:
    tried = played(Course(("model",), rounds=2), BAD, BAD, BAD)
    assert agents(tried) == ["model"] * 3
    assert [len(each.record.refused) for each in tried] == [0, 1, 2]
    assert [each.record.variant for each in tried] == [0, 1, 2]
    assert "test_x fails now" in tried[1].record.refused[0]
    assert "+new" in tried[1].record.refused[0]
    assert tried[1].record.reason == "the ladder refused attempt 1, and it goes on with what was said"


def test_who_cannot_use_what_was_said_is_not_asked_again_but_the_next_one_is_told() -> None:
    tried = played(Course(("repair", "model"), ("cheap", "dear"), rounds=1), BAD, None)
    assert agents(tried) == ["repair", "model"]
    assert [each.record.reason for each in tried] == ["cheap", "attempt 1 was refused by the ladder; dear"]
    assert len(tried[1].record.refused) == 1


def test_it_ends_with_the_first_that_is_verified() -> None:
    assert agents(played(Course(("repair", "model:a", "model:b"), rounds=2), None, GOOD)) == ["repair", "model:a"]


def test_attempts_to_compare_are_all_made_by_turns_and_differ() -> None:
    tried = played(Course(("repair", "model"), attempts=4, seed=7), GOOD, BAD, GOOD, GOOD)
    assert agents(tried) == ["repair", "model", "repair", "model"]
    assert [each.record.seed for each in tried] == [7, 8, 9, 10]
    assert [each.record.variant for each in tried] == [0, 0, 1, 1]


def test_where_none_of_those_compared_is_verified_it_goes_on() -> None:
    tried = played(Course(("model:a", "model:b", "model:c"), attempts=2, rounds=1), None, BAD, BAD, None)
    assert agents(tried) == ["model:a", "model:b", "model:b", "model:c"]


def test_nothing_follows_a_proposal_that_nothing_speaks_against_or_a_question() -> None:
    assert agents(played(Course(("model", "repair"), rounds=2), UNSHOWN)) == ["model"]
    course = Course(("model", "repair"), rounds=2)
    first = following(course, [])
    assert first is not None
    assert following(course, [Tried(replace(first, state=AttemptState.ASKED))]) is None


def test_what_a_person_said_is_told_to_every_later_attempt() -> None:
    course = Course(("model", "repair"), rounds=1)
    first = AttemptRecord(1, "model", 0, asked=("Sum or mean?",), answers=("the sum",))
    tried = [ended(first, BAD)]
    for _ in range(2):
        record = following(course, tried)
        assert record is not None and record.answers == ()
        assert [text.splitlines()[1::2] for text in record.heard] == [["Sum or mean?", "the sum"]]
        tried.append(ended(record, None))
    assert agents(tried) == ["model", "model", "repair"]


def test_a_chosen_option_is_told_too_and_none_of_them_is_the_end() -> None:
    course = Course(("model", "repair"))
    options = (OptionRecord("A", "", "it adds", "t"), OptionRecord("B", "", "it joins", "u"))
    asked = AttemptRecord(1, "model", 0, question="Which?", options=options)
    record = following(course, [ended(replace(asked, answer=2), BAD)])
    assert record is not None and record.heard[0].endswith("Which?\nThe answer was:\nit joins")
    assert following(course, [ended(replace(asked, answer=0), None)]) is None


@given(
    st.lists(st.sampled_from(["repair", "model:a", "model:b", "acp:x"]), min_size=1, unique=True),
    st.integers(1, 5),
    st.integers(0, 3),
    st.lists(st.sampled_from([None, GOOD, BAD, UNSHOWN]), max_size=30),
)
def test_every_course_ends_and_a_life_in_between_changes_nothing(
    names: list[str], attempts: int, rounds: int, verdicts: list[Verdict | None]
) -> None:
    course = Course(tuple(names), attempts=attempts, rounds=rounds)
    tried = played(course, *verdicts)
    assert attempts <= len(tried) <= attempts + len(names) * (rounds + 1)
    for at, each in enumerate(tried):
        again = following(course, tried[:at])
        assert again is not None
        assert (again.agent, again.seed, again.refused) == (each.record.agent, each.record.seed, each.record.refused)


def test_what_the_ladder_said_is_bounded_and_its_reason_is_kept() -> None:
    facts = tuple(Evidence("test", "x" * 10_000, "a.py", 3) for _ in range(50))
    verdict = Verdict(
        "b", "t", (RungResult("suite", Status.FAIL, "y" * 100, facts), RungResult("lint", Status.FAIL, "last"))
    )
    record = AttemptRecord(1, "model", 0, title="t", explanation="e" * 100_000)
    said = objection(record, b"z" * 1_000_000, verdict)
    assert len(said) <= OBJECTION_CHARACTERS
    assert said.endswith("by the check lint: last")
    assert objection(record, b"", UNSHOWN) == ""
