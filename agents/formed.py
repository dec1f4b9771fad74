"""Forms in which edits are asked of a model: what came of each before, and which to ask for first. Pure, and nothing is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

NOTED = "turn"
"""The notes of a journal that `totals` reads, each with all that its attempt was replied so far."""
_WEIGHT = 20.0
"""How many replies the order without any counts as."""


@dataclass(frozen=True, slots=True)
class Formed:
    """What came of a form: the replies of a model that was asked for it, and how many of them could be read and applied."""

    model: str
    form: str
    asked: int
    usable: int


def noted(model: str, asked: Mapping[str, int], usable: Mapping[str, int]) -> Mapping[str, object]:
    """Return what an attempt's notes say of the replies to it so far."""
    return {"model": model, "forms": {form: [number, usable.get(form, 0)] for form, number in asked.items()}}


def totals(notes: Iterable[Mapping[str, object]]) -> tuple[Formed, ...]:
    """Add up the last notes of attempts, by model and form."""
    asked, usable = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for note in notes:
        forms = note.get("forms")
        for form, (number, good) in forms.items() if isinstance(forms, dict) else ():
            key = str(note["model"]), str(form)
            asked[key] += number
            usable[key] += good
    return tuple(Formed(*key, asked[key], usable[key]) for key in sorted(asked))


def by_success(forms: Sequence[str], seen: Iterable[Formed], model: str) -> tuple[str, ...]:
    """Return forms, the one first whose next reply is likeliest to be usable: the mean of a Beta posterior, whose prior is their order."""
    cells = {each.form: each for each in seen if each.model == model}

    def mean(at: int) -> float:
        cell = cells.get(forms[at])
        prior = _WEIGHT * (len(forms) - at) / (len(forms) + 1)
        return (prior + cell.usable) / (_WEIGHT + cell.asked) if cell else prior / _WEIGHT

    return tuple(forms[at] for at in sorted(range(len(forms)), key=mean, reverse=True))
