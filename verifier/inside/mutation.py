"""Inputs near an input: one argument, one of its parts or one attribute of an object changed a little."""

from __future__ import annotations

import copy
import os
import random
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Iterable, Iterator, Sequence

from .attempt import attempt
from .form import Walk, state_of
from .inputs import NO_DEFAULT, Input, parameters

_LONG = 2_000
_PARTS = 3
_SEEN = 4
_PLAIN = (bool, int, float, str, bytes, list, tuple, dict, set, frozenset)


def mutations(recorded: Sequence[Input], seed: int, most: int) -> Iterator[Input]:
    """Yield at most `most` mutations of inputs, taking turns among these; `seed` decides which come first."""
    chance = random.Random(seed)
    optional, others = _optional(recorded), _others(recorded)
    turns = []
    for each in recorded:
        changes = list(_changes(each, optional, others))
        chance.shuffle(changes)
        turns.append((each, changes))
    seen = {each.digest for each in recorded}
    while turns and most > 0:
        turns = [(each, changes) for each, changes in turns if changes]
        for each, changes in turns:
            made = _made(each, changes.pop())
            if made is None or made.too_large or made.digest in seen or most <= 0:
                continue
            seen.add(made.digest)
            most -= 1
            yield made


def _made(base: Input, change: tuple[str, Any]) -> Input | None:
    name, value = change
    made, error = attempt(lambda: Input(base.function, {**base.given, name: value}, base.failing, mutated=True))
    return made if error is None else None


def _optional(recorded: Iterable[Input]) -> set[tuple[int, str]]:
    """Return the parameters for which None is known to be right: by default, or because it was seen."""
    found = set()
    for each in recorded:
        found |= {(id(each.function), name) for name, value in each.given.items() if value is None}
        found |= {(id(each.function), one.name) for one in parameters(each.function) if one.default is None}
    return found


def _others(recorded: Iterable[Input]) -> dict[tuple[int, str], dict[str, Any]]:
    """Return what was seen of each parameter, by its form."""
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for each in recorded:
        for name, value in each.given.items():
            found.setdefault((id(each.function), name), {}).setdefault(each.forms[name], value)
    return found


def _changes(
    base: Input, optional: set[tuple[int, str]], others: dict[tuple[int, str], dict[str, Any]]
) -> Iterator[tuple[str, Any]]:
    for parameter in parameters(base.function):
        name, value = parameter.name, base.given[parameter.name]
        for other in near(value):
            yield name, other
        for other in _with_attributes(value):
            yield name, other
        if len(base.given) > 1:
            for other in list(others[id(base.function), name].values())[:_SEEN]:
                yield name, other
        if value is not None and (id(base.function), name) in optional:
            yield name, None
        if parameter.default is not NO_DEFAULT and value is not parameter.default:
            yield name, parameter.default


def near(value: Any, parts: bool = True) -> Iterator[Any]:
    """Yield values near a value of a plain kind, and with `parts` values one part of which is changed; nothing for all others."""
    kind = type(value)
    if kind is bool:
        yield not value
    elif kind in (int, float, Decimal, Fraction):
        yield from (value + 1, value - 1, kind(0), -value)
    elif kind in (str, bytes):
        if not _is_file(value):
            yield from _lengths(value)
            yield from (value.swapcase(), value[: len(value) // 2] + value[len(value) // 2 + 1 :])
    elif kind in (list, tuple):
        yield from _lengths(value)
        yield from _with_parts(value) if parts else ()
    elif kind is dict:
        yield from _dicts(value, parts)
    elif kind in (set, frozenset) and value:
        yield from (kind(), kind(sorted(value, key=lambda each: Walk().of(each))[1:]))
    elif kind is timedelta:
        yield from (-value, value + timedelta(seconds=1), timedelta(0))
    elif issubclass(kind, date):
        yield from _days(value)


def _lengths(value: Any) -> Iterator[Any]:
    if value and len(value) <= _LONG:
        yield from (value[:0], value[:-1], value[1:], value * 2, value[::-1])


def _with_parts(value: Any) -> Iterator[Any]:
    kind = type(value)
    for at in list(range(len(value)))[:_PARTS]:
        for other in near(value[at], parts=False):
            changed = list(value)
            changed[at] = other
            yield kind(changed)


def _dicts(value: dict[Any, Any], parts: bool) -> Iterator[Any]:
    if value:
        yield {}
    for key in list(value)[:_PARTS] if len(value) <= _LONG else ():
        yield {other: value[other] for other in value if other is not key}
        for changed in near(value[key], parts=False) if parts else ():
            yield {**value, key: changed}


def _days(value: Any) -> Iterator[Any]:
    for days in (1, -1, 31):
        moved, error = attempt(lambda days=days: value + timedelta(days=days))  # type: ignore[misc]
        if error is None:
            yield moved


def _with_attributes(value: Any) -> Iterator[Any]:
    """Yield copies of an object with one plain attribute changed, where it holds its attributes in the ordinary way."""
    if type(value) in _PLAIN or isinstance(value, type) or not hasattr(value, "__dict__") or callable(value):
        return
    for name, held in list(state_of(value).items()):
        for other in near(held) if type(held) in _PLAIN else ():
            made, error = attempt(lambda name=name, other=other: _with(value, name, other))  # type: ignore[misc]
            if error is None and made is not value:
                yield made


def _with(value: Any, name: str, other: Any) -> Any:
    made = copy.copy(value)
    if made is not value:
        object.__setattr__(made, name, other)
    return made


def _is_file(value: Any) -> bool:
    """Say whether a text names something that is there: what is near it might be something else that is there."""
    found, error = attempt(lambda: os.path.lexists(value))
    return error is None and bool(value) and bool(found)
