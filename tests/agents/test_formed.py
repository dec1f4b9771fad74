"""Forms of edits are asked for by what came of them before; without history, in the order they had."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.formed import Formed, by_success, noted, totals

FORMS = ("any", "whole", "lines")
SEEN = st.builds(
    lambda form, asked, share: Formed("m", form, asked, int(asked * share)),
    st.sampled_from(FORMS),
    st.integers(0, 500),
    st.floats(0, 1),
)


@given(st.lists(SEEN, unique_by=lambda each: each.form))
def test_none_is_lost_and_what_is_known_of_another_model_changes_nothing(seen: list[Formed]) -> None:
    assert sorted(by_success(FORMS, seen, "m")) == sorted(FORMS)
    assert by_success(FORMS, seen, "n") == FORMS


def test_one_that_holds_while_the_first_mostly_fails_comes_before_it_once_that_was_seen_often() -> None:
    few = [Formed("m", "any", 4, 1), Formed("m", "whole", 2, 2)]
    many = [Formed("m", "any", 80, 20), Formed("m", "whole", 40, 38)]
    assert by_success(("any", "whole"), few, "m") == ("any", "whole")
    assert by_success(("any", "whole"), many, "m") == ("whole", "any")


def test_notes_add_up_by_model_and_form_and_those_without_forms_are_passed_over() -> None:
    notes = [
        noted("m", {"any": 3, "whole": 2}, {"any": 1}),
        noted("m", {"any": 2}, {"any": 2}),
        noted("n", {"any": 1}, {}),
        {"nth": 1, "place": "a.py:1"},
    ]
    assert totals(notes) == (Formed("m", "any", 5, 3), Formed("m", "whole", 2, 0), Formed("n", "any", 1, 0))
