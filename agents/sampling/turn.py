"""Turns: which questions are asked of which place, and in what order; the cheap ones and the suspicious places first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.sampling.asking import Ask, Form
from agents.sampling.place import Place

_ANEW = 2
_BALLOTS, _VOTES = 2, 2
_WHOLE_LINES = 60
"""Places longer than this are not asked for whole: the reply would take more than all short ones together."""

FORMS = (Form.ANY, Form.WHOLE)
"""In which forms it is asked what is wrong in a place, the first one first."""


@dataclass(frozen=True, slots=True)
class Pass:
    """A walk to be made along a place."""

    place: Place
    form: Form
    nth: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """Questions about one place, asked side by side and tried together."""

    nth: int
    place: Place
    asks: tuple[Ask, ...]


def passes(places: Sequence[Place], anew: bool = True) -> Iterator[Pass]:
    """Yield the walks along places: first along all as the model sees them, then `anew` along the most suspicious, then further down in each."""
    yield from (Pass(place, Form.AGAIN) for place in places)
    yield from (Pass(place, Form.ANEW) for place in places[: _ANEW if anew else 0] if place.name)
    yield from (Pass(place, Form.AGAIN, 1) for place in places)


def turns(places: Sequence[Place], rounds: int, temperature: float, forms: Sequence[Form] = FORMS) -> Iterator[Turn]:
    """Yield the turns of all rounds: each round goes through the places, and further down in each place's statements.

    What is wrong in a place is asked for in `forms` by turns of rounds.
    """
    for nth in range(rounds):
        for place in places:
            yield Turn(nth + 1, place, tuple(_asks(place, nth, temperature, forms)))


def ballots(places: Sequence[Place], temperature: float) -> Iterator[Turn]:
    """Yield the turns where no test says which edit is right: questions that push towards none, so that equal replies count as votes."""
    for nth in range(_BALLOTS):
        for place in places:
            whole = nth > 0 and place.last - place.first < _WHOLE_LINES
            first = Ask(place, Form.WHOLE if whole else Form.ANY, 0.0 if whole or nth == 0 else temperature)
            yield Turn(nth + 1, place, (first, *(Ask(place, Form.ANY, temperature) for _ in range(_VOTES))))


def rivals(turn: Turn, temperature: float) -> Turn:
    """Return the turn that looks for other edits of a place where one was found: questions whose replies stray."""
    place = turn.place
    near = tuple(Ask(place, Form.STATEMENT, temperature, each) for each in place.statements[:2])
    return Turn(turn.nth, place, (*(Ask(place, Form.ANY, temperature) for _ in range(4 - len(near))), *near))


def _asks(place: Place, nth: int, temperature: float, forms: Sequence[Form]) -> Iterator[Ask]:
    """Yield the questions of a place's turn. The first of its kind takes the likeliest reply, the others stray."""
    forms = [form if place.last - place.first < _WHOLE_LINES else Form.ANY for form in forms]
    form = forms[nth % len(forms)]
    yield Ask(place, form, 0.0 if nth == forms.index(form) else temperature)
    if nth == 0:
        yield Ask(place, form, temperature)
    statements = place.statements[2 * nth : 2 * nth + 2]
    yield from (Ask(place, Form.STATEMENT, 0.0, each) for each in statements)
    if len(statements) < 2:
        # All were asked for once: again, from the most suspicious on, with replies that stray.
        again = place.statements[: 2 - len(statements)]
        yield from (Ask(place, Form.STATEMENT, temperature, each) for each in again)
