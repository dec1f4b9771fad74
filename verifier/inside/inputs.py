"""One input of a function: its arguments by the names of its parameters; how to copy it, tell it from others, and call with it."""

from __future__ import annotations

import copy
from types import FunctionType
from typing import Any

from . import form

POSITIONAL, KEYWORD, REST, NAMED_REST = range(4)
NO_DEFAULT = object()


class Parameter:
    """One parameter of a function as its code has it, whatever signature it claims."""

    def __init__(self, name: str, kind: int, default: Any = NO_DEFAULT) -> None:
        self.name = name
        self.kind = kind
        self.default = default


def parameters(function: FunctionType) -> list[Parameter]:
    """Return the parameters in the order of a call: positional ones, the rest, keywords, the rest of them."""
    code = function.__code__
    names = code.co_varnames
    plain, keyword = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    defaults = function.__defaults__ or ()
    keyword_defaults = function.__kwdefaults__ or {}
    without = plain - len(defaults)
    found = [
        Parameter(name, POSITIONAL, defaults[at - without] if at >= without else NO_DEFAULT)
        for at, name in enumerate(names[:plain])
    ]
    if code.co_flags & 4:
        found.append(Parameter(names[keyword], REST))
    found += [Parameter(name, KEYWORD, keyword_defaults.get(name, NO_DEFAULT)) for name in names[plain:keyword]]
    if code.co_flags & 8:
        found.append(Parameter(names[keyword + bool(code.co_flags & 4)], NAMED_REST))
    return found


class Input:
    """A function and what it is called with; made in a test (`failing`: in one that fails) or by mutation."""

    def __init__(self, function: FunctionType, given: dict[str, Any], failing: bool, mutated: bool = False) -> None:
        self.function = function
        self.given = given
        self.failing = failing
        self.mutated = mutated
        walk = form.Walk()
        self.forms = {name: walk.of(value) for name, value in given.items()}
        self.size = walk.size
        self.too_large = walk.cut
        self.digest = form.digest("{}.{} {}".format(function.__module__, function.__qualname__, self.forms))

    def copied(self) -> Input:
        """Return an input whose arguments nothing else holds. Raises what copying raises."""
        made = Input.__new__(Input)
        made.__dict__.update(self.__dict__)
        made.given = copied(self.function, self.given)
        return made

    def shape(self) -> str:
        """Return what it looks like from afar: the kinds of its arguments, and whether they are empty."""
        return " ".join(_outline(value) for value in self.given.values())

    def call(self) -> Any:
        """Call the function as it is now."""
        words: list[Any] = []
        named: dict[str, Any] = {}
        for parameter in parameters(self.function):
            value = self.given[parameter.name]
            if parameter.kind == POSITIONAL:
                words.append(value)
            elif parameter.kind == REST:
                words += value
            elif parameter.kind == KEYWORD:
                named[parameter.name] = value
            else:
                named.update(value)
        return self.function(*words, **named)


def copied(function: FunctionType, given: dict[str, Any]) -> dict[str, Any]:
    """Return deep copies, but for what the function's module and defaults hold: they are told by identity, like sentinels."""
    held = [*function.__globals__.values(), *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    memo: dict[int, Any] = {id(value): value for value in held}
    return {name: copy.deepcopy(value, memo) for name, value in given.items()}


def _outline(value: Any) -> str:
    kind = type(value)
    if kind in (list, tuple, dict, set, frozenset, str, bytes):
        inner = type(next(iter(value))).__name__ if value and kind is not str and kind is not bytes else ""
        return "{}{}{}".format(kind.__name__, min(len(value), 2), inner)
    if kind in (int, float):
        return "{}{}".format(kind.__name__, (value > 0) - (value < 0))
    return repr(value) if value is None or kind is bool else kind.__name__
