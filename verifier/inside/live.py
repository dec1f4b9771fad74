"""Put an edited function into the process that has imported its module: live functions get new code objects."""

from __future__ import annotations

import gc
import os
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Callable, Iterator, Sequence

from . import source, trace, words

if TYPE_CHECKING:
    Pair = tuple[CodeType, CodeType]
Undo = Callable[[], None]
Plan = Callable[[], Undo]
"""Applies a candidate to the process that calls it, and returns what takes it back."""

_OWN = (
    "co_code",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_flags",
    "co_argcount",
    "co_kwonlyargcount",
    "co_posonlyargcount",
)
_GENERATOR_FLAGS = 0x20 | 0x80 | 0x100 | 0x200


class Index:
    """The live functions of the repository by their code. Built once, before the first fork."""

    def __init__(self, tree: words.Tree) -> None:
        self._functions: dict[int, list[FunctionType]] = {}
        self._codes: dict[tuple[str, str, int], list[CodeType]] = {}
        for thing in gc.get_objects():
            if type(thing) is FunctionType:
                code = thing.__code__
                path = tree.relative(code.co_filename)
                if path is not None:
                    self._add(path, code, thing)

    def _add(self, path: str, code: CodeType, function: FunctionType) -> None:
        known = self._functions.setdefault(id(code), [])
        if not known:
            self._codes.setdefault((path, code.co_name, code.co_firstlineno), []).append(code)
        known.append(function)

    def codes(self, path: str, name: str, line: int) -> list[CodeType]:
        """Return the code objects that live functions of this name and first line have."""
        return self._codes.get((path, name, line), [])

    def functions(self, code: CodeType) -> list[FunctionType]:
        """Return the live functions that have this very code object."""
        return self._functions.get(id(code), [])


class Patcher:
    """Plans how candidates are applied, keeping what it knows of each edited module."""

    def __init__(self, tree: words.Tree, index: Index, imported: trace.Imported, modules: dict[str, list[Any]]) -> None:
        self._tree = tree
        self._index = index
        self._imported = imported
        self._modules = modules
        self._texts: dict[str, source.Module] = {}

    def plan(self, edits: Sequence[tuple[str, int, int, str]]) -> Plan:
        """Return what applies the edits; raises `Cold` where only a new import does, `Inapplicable` where nothing does."""
        places: dict[source.Function, tuple[str, source.Module, list[source.Edit]]] = {}
        for path, start, end, text in edits:
            module = self._module(path)
            function = module.function_at(start, end)
            places.setdefault(function, (path, module, []))[2].append((start, end, text))
        steps: list[Plan] = []
        for function, (path, module, changes) in places.items():
            steps += self._function(path, module, function, changes)

        def apply() -> Undo:
            done = [step() for step in steps]

            def undo() -> None:
                for back in reversed(done):
                    back()

            return undo

        return apply

    def edited(self, edits: Sequence[tuple[str, int, int, str]]) -> dict[source.Function, list[CodeType]]:
        """Return the outermost functions in which edits lie, with the code objects that they have; raises as `plan` does."""
        found: dict[source.Function, list[CodeType]] = {}
        for path, start, end, _ in edits:
            function = self._module(path).function_at(start, end)
            found[function] = self._index.codes(path, function.name, function.first)
        return found

    def _compiled(self, path: str, module: source.Module, function: source.Function) -> source.Compiled:
        """Return the function as it is, compiled once, where that is what its live functions have."""
        if function.compiled is None:
            compiled = module.compile(function)
            live = self._index.codes(path, function.name, function.first)
            if not live:
                raise source.Cold("no live function has this code")
            if not all(_same(old, compiled.code) for old in live):
                raise source.Cold("its code was made by something else than the compiler")
            function.compiled = compiled
            # Or the first collection in each child would touch, and so copy, all that was learned.
            gc.freeze()
        return function.compiled

    def _module(self, path: str) -> source.Module:
        if path not in self._texts:
            if path not in self._modules:
                raise source.Cold("its module is not imported yet")
            data = source.read(self._tree.root, path)
            try:
                self._texts[path] = source.Module(os.path.join(self._tree.root, path), data)
            except (SyntaxError, ValueError, RecursionError) as error:
                raise source.Inapplicable(str(error)) from None
        return self._texts[path]

    def _function(
        self, path: str, module: source.Module, function: source.Function, edits: Sequence[source.Edit]
    ) -> list[Plan]:
        made = module.compile(function, edits)
        header = function.header
        if not _defined_same(self._compiled(path, module, function), made):
            header = module.header(function, edits)
            if header.shape != function.header.shape:
                raise source.Cold("what is evaluated at the function's definition differs")
        steps: list[Plan] = []
        for old in self._index.codes(path, function.name, function.first):
            pairs = list(self._pairs(old, made.code))
            for before, after in pairs:
                self._check(before, after)
            steps += self._swaps(pairs)
            steps += self._defaults(function.header, header, self._index.functions(old))
        return steps

    def _pairs(self, old: CodeType, new: CodeType) -> Iterator[Pair]:
        """Yield the code objects that belong together: a function's own and those nested in it, in order."""
        yield old, new
        inner_old, inner_new = _nested(old), _nested(new)
        if [code.co_name for code in inner_old] == [code.co_name for code in inner_new]:
            for at, before in enumerate(inner_old):
                yield from self._pairs(before, inner_new[at])
        elif any(self._index.functions(code) for code in _all_nested(old)):
            raise source.Cold("closures made at import lose their place")

    def _check(self, old: CodeType, new: CodeType) -> None:
        if _own_same(old, new):
            return
        if old in self._imported:
            raise source.Cold("it ran while the suite was imported")
        if self._index.functions(old):
            if old.co_freevars != new.co_freevars:
                raise source.Cold("its free variables differ")
            if (old.co_flags ^ new.co_flags) & _GENERATOR_FLAGS:
                raise source.Cold("it became or ceased to be a generator or a coroutine")

    def _swaps(self, pairs: Sequence[Pair]) -> Iterator[Plan]:
        for old, new in pairs:
            for function in self._index.functions(old):

                def swap(function: FunctionType = function, old: CodeType = old, new: CodeType = new) -> Undo:
                    function.__code__ = new

                    def back() -> None:
                        function.__code__ = old

                    return back

                yield swap

    def _defaults(self, old: source.Header, new: source.Header, functions: Sequence[FunctionType]) -> Iterator[Plan]:
        for at, before in enumerate(old.default_dumps):
            if before == new.default_dumps[at]:
                continue
            value = source.literal(new.defaults[at])
            keyword = new.keywords[at - new.positional] if at >= new.positional else None
            for function in functions:

                def change(
                    function: FunctionType = function,
                    value: Any = value,
                    at: int = at,
                    keyword: str | None = keyword,
                ) -> Undo:
                    defaults, keyword_defaults = function.__defaults__, function.__kwdefaults__
                    if keyword is not None:
                        function.__kwdefaults__ = {**(function.__kwdefaults__ or {}), keyword: value}
                    else:
                        present = list(function.__defaults__ or ())
                        present[at] = value
                        function.__defaults__ = tuple(present)

                    def back() -> None:
                        function.__defaults__, function.__kwdefaults__ = defaults, keyword_defaults

                    return back

                yield change


def _defined_same(old: source.Compiled, new: source.Compiled) -> bool:
    """Say whether all that is evaluated where the function is defined does the same: defaults, decorators, annotations."""
    if _docstring(old.code) != _docstring(new.code):
        return False
    for before, after, within in zip(old.around, new.around, [*new.around[1:], new.code]):
        inner_old, inner_new = _nested(before), _nested(after)
        if not _own_same(before, after) or len(inner_old) != len(inner_new):
            return False
        if not all(inner is within or _same(inner_old[at], inner) for at, inner in enumerate(inner_new)):
            return False
    return True


def _docstring(code: CodeType) -> str | None:
    first = code.co_consts[0] if code.co_consts else None
    return first if isinstance(first, str) else None


def _nested(code: CodeType) -> list[CodeType]:
    return [const for const in code.co_consts if isinstance(const, CodeType)]


def _all_nested(code: CodeType) -> Iterator[CodeType]:
    for inner in _nested(code):
        yield inner
        yield from _all_nested(inner)


def _own_same(old: CodeType, new: CodeType) -> bool:
    """Say whether two code objects do the same by themselves, whatever the ones nested in them do."""
    if any(getattr(old, name) != getattr(new, name) for name in _OWN):
        return False
    return _plain_consts(old) == _plain_consts(new)


def _plain_consts(code: CodeType) -> list[str]:
    # By their text: 1, 1.0 and True are equal, and are not the same constant.
    return ["" if isinstance(const, CodeType) else repr(const) for const in code.co_consts]


def _same(old: CodeType, new: CodeType) -> bool:
    if not _own_same(old, new):
        return False
    inner_old, inner_new = _nested(old), _nested(new)
    return len(inner_old) == len(inner_new) and all(_same(code, inner_new[at]) for at, code in enumerate(inner_old))
