"""What the repository's modules hold, as one number: enough to see whether a test or a candidate has left something behind."""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from types import FunctionType, ModuleType
from typing import Any, Iterable, Mapping, Sequence

_MOST = 20_000
_VALUES = (str, bytes, int, float, complex, bool, type(None))
# Warnings given, how a module was imported and what unittest notes on a class are no state that code goes by.
_PASSED_OVER = frozenset(
    "__builtins__ __warningregistry__ __spec__ __loader__ __cached__ _classSetupFailed tearDown_exceptions".split()  # noqa: SIM905
)
# What these know of a run changes in each, and tested code hardly ever looks at it.
_RUNNERS = ("_pytest", "pytest", "pluggy", "unittest", "_nightcrew_inside")
_LRU = type(lru_cache(maxsize=1)(len))
_LISTS: tuple[Any, ...] = (list, tuple, set, frozenset, deque)


class State:
    """Walks from the globals of some modules through all that they reach, up to a bound."""

    def __init__(self, modules: Sequence[ModuleType]) -> None:
        self._modules = modules
        self._names = {module.__name__ for module in modules}

    def number(self) -> int:
        """Return a number that is the same as long as containers keep their members, and functions their code and defaults."""
        seen: set[int] = set()
        waiting: list[Any] = [vars(module) for module in self._modules]
        found = 0
        while waiting and len(seen) < _MOST:
            thing = waiting.pop()
            if id(thing) in seen:
                continue
            seen.add(id(thing))
            members = list(self._members(thing))
            found = hash((found, id(thing), tuple(map(_key, members))))
            waiting += [each for each in members if not isinstance(each, _VALUES)]
        return found

    def _members(self, thing: Any) -> Iterable[Any]:
        kind = type(thing)
        if isinstance(thing, dict):
            return _items(thing)
        for base in _LISTS:
            if isinstance(thing, base):
                return list(base.__iter__(thing))
        if kind is FunctionType:
            known = thing.__module__ in self._names
            return _function(thing) if known else ()
        if isinstance(thing, type):
            return _items(vars(thing)) if thing.__module__ in self._names else ()
        if kind is _LRU:
            return (thing.cache_info().currsize, thing.__wrapped__)
        if kind in (staticmethod, classmethod):
            return (thing.__func__,)
        if kind is property:
            return (thing.fget, thing.fset)
        if kind is ModuleType or kind.__module__.partition(".")[0] in _RUNNERS:
            return ()
        try:
            # What it holds, and not the dictionary, which may be made only now.
            return _items(object.__getattribute__(thing, "__dict__"))
        except AttributeError:
            return ()


def _items(held: Mapping[Any, Any]) -> list[Any]:
    return [each for pair in _pairs(held) if pair[0] not in _PASSED_OVER for each in pair]


def _pairs(held: Mapping[Any, Any]) -> Iterable[tuple[Any, Any]]:
    # The class's own method: a dictionary of the tested code may have another.
    return dict.items(held) if isinstance(held, dict) else held.items()


def _key(member: Any) -> Any:
    # By value, where a value is all there is: equal texts need not be one object.
    return member if type(member) in _VALUES else id(member)


def _function(thing: FunctionType) -> list[Any]:
    cells = []
    for cell in thing.__closure__ or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:
            continue
    return [thing.__code__, thing.__defaults__, thing.__kwdefaults__, *_items(vars(thing)), *cells]
