"""Values and calls to be read by a person: short, bounded, without addresses. May run the `__repr__` of what it shows."""

from __future__ import annotations

import reprlib
from types import FunctionType
from typing import Any

from .attempt import attempt
from .form import Walk, name_of, plain, state_of
from .inputs import KEYWORD, NAMED_REST, NO_DEFAULT, POSITIONAL, REST, Input, Parameter, parameters

_CHARS = 200


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdeque = 12
        self.maxstring = self.maxlong = 80
        self.maxother = 80

    def repr_instance(self, value: Any, level: int) -> str:
        """Show an object by its own text where it has one, else by its class and attributes."""
        kind = type(value)
        if issubclass(kind, type) or isinstance(value, FunctionType):
            return str(value.__qualname__)
        own: Any = kind.__repr__
        if own is not object.__repr__:
            text, error = attempt(lambda: repr(value))
            if error is None and type(text) is str:
                return _cut(text, self.maxother)
        if level <= 0:
            return "<{}>".format(name_of(kind).rpartition(".")[2])
        state = state_of(value)
        inner = ["{}={}".format(name, self.repr1(state[name], level - 1)) for name in list(state)[:6]]
        return "<{}>".format(" ".join([kind.__qualname__, *inner]))


_short = _Short()


def value_text(value: Any) -> str:
    """Return a value's text."""
    text, error = attempt(lambda: _short.repr(value))
    return plain(_cut(text, _CHARS)) if error is None else "<{}>".format(type(value).__qualname__)


def error_text(error: BaseException) -> str:
    """Return an exception as `Type: text`."""
    text, failed = attempt(lambda: str(error))
    name = type(error).__qualname__
    return plain(_cut("{}: {}".format(name, text), _CHARS)) if failed is None and text else name


def call_text(each: Input) -> str:
    """Return an input as the call that Python would write."""
    function = each.function
    expected = parameters(function)
    words: list[str] = []
    name = function.__name__
    # What stands before further positional ones cannot be left out.
    all_given = any(one.kind == REST and each.given[one.name] for one in expected)
    by_name = False
    for at, one in enumerate(expected):
        value = each.given[one.name]
        if one.kind == REST:
            words += [value_text(item) for item in value]
        elif one.kind == NAMED_REST:
            words += ["{}={}".format(key, value_text(item)) for key, item in value.items()]
        elif at == 0 and one.name in ("self", "cls") and "." in function.__qualname__:
            name = _of_object(function, one.name, value)
        elif _is_default(one, each) and not (all_given and one.kind == POSITIONAL):
            by_name = True
        elif by_name or one.kind == KEYWORD:
            words.append("{}={}".format(one.name, value_text(value)))
        else:
            words.append(value_text(value))
    return _cut("{}({})".format(name, ", ".join(words)), 3 * _CHARS)


def _of_object(function: FunctionType, parameter: str, value: Any) -> str:
    owner = value if parameter == "cls" and isinstance(value, type) else type(value)
    if function.__name__ == "__init__":
        return str(owner.__qualname__)
    return "{}.{}".format(owner.__qualname__ if parameter == "cls" else value_text(value), function.__name__)


def _is_default(parameter: Parameter, each: Input) -> bool:
    value, default = each.given[parameter.name], parameter.default
    return value is default or (default is not NO_DEFAULT and Walk().of(default) == each.forms[parameter.name])


def _cut(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[: chars - 1] + "…"
