"""Which questions the turns ask, and in which form the first ones are."""

from __future__ import annotations

from collections.abc import Sequence

from agents.sampling.asking import Form
from agents.sampling.place import Place, Span
from agents.sampling.turn import FORMS, turns
from shadowfs import RepoPath

SHORT = Place(RepoPath("a.py"), 1, 9, "f", 1.0, (Span(2, 2), Span(3, 3)))
LONG = Place(RepoPath("a.py"), 1, 99, "f", 1.0, (Span(2, 2), Span(3, 3)))


def asked(place: Place, forms: Sequence[Form] = FORMS) -> list[list[tuple[str, float]]]:
    """Return the questions but for those about a statement, by rounds."""
    found = turns([place], 4, 0.8, forms)
    return [[(each.form, each.temperature) for each in turn.asks if each.form is not Form.STATEMENT] for turn in found]


def test_the_form_that_served_best_is_asked_for_first_and_twice_and_the_other_every_second_round() -> None:
    first, then = [("any", 0.0), ("any", 0.8)], [("whole", 0.0)]
    assert asked(SHORT) == [first, then, [("any", 0.8)], [("whole", 0.8)]]
    turned = [[("whole", 0.0), ("whole", 0.8)], [("any", 0.0)], [("whole", 0.8)], [("any", 0.8)]]
    assert asked(SHORT, FORMS[::-1]) == turned


def test_a_long_place_is_never_asked_for_whole() -> None:
    only = [[("any", 0.0), ("any", 0.8)], *[[("any", 0.8)]] * 3]
    assert asked(LONG) == asked(LONG, FORMS[::-1]) == only
