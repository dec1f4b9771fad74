"""The form of a value: a text that is equal for values in which no difference is seen. Runs next to no code of their classes."""

from __future__ import annotations

import copyreg
import enum
import hashlib
import re
from collections import OrderedDict, deque
from types import BuiltinFunctionType, CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any, Callable

from .attempt import attempt

_NODES = 5_000
_DEPTH = 60
_LONG = 1_000
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{5,}")
_VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))
# The class of each is that of the object itself: `isinstance` would believe what an object says of its class.
_CONTENT: dict[type, Callable[[Any], Any]] = {
    OrderedDict: lambda value: list(OrderedDict.items(value)),
    dict: lambda value: list(dict.items(value)),
    list: lambda value: list(list.__iter__(value)),
    tuple: lambda value: list(tuple.__iter__(value)),
    deque: lambda value: list(deque.__iter__(value)),
    set: lambda value: tuple(set.__iter__(value)),
    frozenset: lambda value: tuple(frozenset.__iter__(value)),
    str: lambda value: str.__str__(value),
    bytes: lambda value: bytes(memoryview(value)),
    bytearray: lambda value: bytes(memoryview(value)),
    int: lambda value: int.__index__(value),
    float: lambda value: float.__float__(value),
    BaseException: lambda value: list(BaseException.args.__get__(value)),  # type: ignore[attr-defined]
}


def digest(form: str) -> str:
    """Return a short text that is equal for equal forms."""
    return hashlib.sha256(form.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def plain(text: str) -> str:
    """Return a text without what differs from run to run: the addresses of objects."""
    return _ADDRESS.sub("0x", text)


class Walk:
    """Makes the forms of values that belong together. Says what it met: how much (`size`), too much (`cut`), nothing to compare (`blind`)."""

    def __init__(self, edited: Callable[[CodeType], bool] | None = None) -> None:
        self.size = 0
        self.cut = False
        self.blind = False
        self._edited = edited
        self._nodes = 0
        self._above: list[int] = []

    def of(self, value: Any) -> str:
        """Return the form of one value, which must not change meanwhile."""
        self._nodes += 1
        self.size += 1
        kind = type(value)
        if value is None or kind is bool:
            return repr(value)
        if kind is int or kind is float or kind is complex:
            return self._number(value)
        if kind is str or kind is bytes:
            return self._text(value)
        if id(value) in self._above:
            # Seen from inside itself; what is only met twice is written twice, since equal values may share or not.
            return "above {}".format(len(self._above) - self._above.index(id(value)))
        if self._nodes > _NODES or len(self._above) > _DEPTH:
            self.cut = True
            return "..."
        self._above.append(id(value))
        try:
            return self._object(kind, value)
        finally:
            self._above.pop()

    def _number(self, value: Any) -> str:
        if type(value) is int:
            self.size += value.bit_length() // 4
            return hex(value)
        self.size += 1
        return repr(value)

    def _text(self, value: Any) -> str:
        self.size += len(value)
        if len(value) > _LONG:
            data = value.encode("utf-8", "surrogatepass") if type(value) is str else value
            return "{} {} {}".format(type(value).__name__, len(value), hashlib.sha256(data).hexdigest())
        return plain(repr(value))

    def _object(self, kind: type, value: Any) -> str:
        known = self._named(kind, value)
        if known is not None:
            return known
        parts = [name_of(kind)]
        for base, content in _CONTENT.items():
            if base in kind.__mro__:
                parts.append(self._content(content(value)))
                break
        state = state_of(value)
        if state:
            parts += ["{}={}".format(name, self.of(state[name])) for name in sorted(state)]
        if len(parts) == 1:
            parts.append(self._reduced(kind, value))
        return "{}({})".format(parts[0], ", ".join(parts[1:]))

    def _named(self, kind: type, value: Any) -> str | None:
        """Return the form of what is known by a name; None for all else."""
        if type in kind.__mro__:
            return "class " + name_of(value)
        if kind is ModuleType:
            return "module {}".format(value.__name__)
        if enum.Enum in kind.__mro__:
            return "{}.{}".format(name_of(kind), object.__getattribute__(value, "_name_"))
        if kind is FunctionType:
            return self._function(value)
        if kind is MethodType:
            return "method {} of {}".format(self.of(value.__func__), self.of(value.__self__))
        if kind is BuiltinFunctionType:
            of = "" if type(value.__self__) is ModuleType else " of " + self.of(value.__self__)
            return "builtin {}{}".format(value.__qualname__, of)
        if kind in _VIEWS:
            return "{}{}".format(kind.__name__, [self.of(each) for each in list(value)])
        if kind is MappingProxyType:
            return "proxy {}".format(self.of(dict(value)))
        return None

    def _function(self, function: FunctionType) -> str:
        if self._edited is not None and self._edited(function.__code__):
            # Whether two of it do the same is the very question.
            self.blind = True
        cells = []
        for cell in function.__closure__ or ():
            try:
                cells.append(self.of(cell.cell_contents))
            except ValueError:
                cells.append("empty")
        return "function {}.{}{}".format(function.__module__, function.__qualname__, cells or "")

    def _content(self, content: Any) -> str:
        if type(content) is list:
            return "[{}]".format(", ".join(self._item(each) for each in content))
        if type(content) is tuple:
            # A set: in no order.
            return "{{{}}}".format(", ".join(sorted(self.of(each) for each in content)))
        return self.of(content)

    def _item(self, item: Any) -> str:
        # The pairs of a dict are no values of their own.
        return ": ".join([self.of(each) for each in item]) if type(item) is tuple and len(item) == 2 else self.of(item)

    def _reduced(self, kind: type, value: Any) -> str:
        """Return the form of what an object without state of its own would be pickled as."""
        reducer = copyreg.dispatch_table.get(kind)
        made, _ = attempt(lambda: value.__reduce_ex__(4) if reducer is None else reducer(value))
        if type(made) is str:
            return made
        if type(made) is not tuple or len(made) < 2:
            self.blind = self.blind or len(self._above) == 1
            return "?"
        return ", ".join(self.of(list(part) if hasattr(part, "__next__") else part) for part in made)


def name_of(kind: type) -> str:
    """Return the name of a class with its module's."""
    return "{}.{}".format(type.__getattribute__(kind, "__module__"), type.__getattribute__(kind, "__qualname__"))


def state_of(value: Any) -> dict[str, Any]:
    """Return the attributes that an object itself holds, in slots too."""
    state: dict[str, Any] = {}
    for kind in type(value).__mro__:
        held = vars(kind)
        slots = held.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            private = name.startswith("__") and not name.endswith("__")
            name = "_{}{}".format(kind.__name__.lstrip("_"), name) if private else name
            slot = held.get(name)
            if name not in ("__dict__", "__weakref__") and hasattr(type(slot), "__get__"):
                try:
                    state[name] = slot.__get__(value)  # type: ignore[union-attr]
                except AttributeError:
                    continue
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return state
    if type(own) is dict:
        state.update((name, each) for name, each in own.items() if isinstance(name, str))
    return state
