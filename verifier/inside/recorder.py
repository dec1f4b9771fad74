"""Records what functions are called with while tests run: the edited function itself, or those through which tests reach it."""

from __future__ import annotations

import gc
import os
import re
import sys
import time
from types import CodeType, FrameType, FunctionType
from typing import Any, Callable, Sequence

from . import live, words
from .attempt import Watch, attempt
from .inputs import Input

_OUTSIDE, _REPOSITORY, _EDITED = range(3)
_LOOKS = 2_000
_UNPROVEN_LOOKS = 60
_OF_A_SHAPE = 12
_SUSPENDED = 200
_FRUITLESS_SHARE = 0.2
_OPTIMIZED, _GENERATOR, _SUSPENDS = 0x1, 0x20, 0x20 | 0x80 | 0x200
_TEST_FILE = re.compile(r"(^|/)(tests?/|test_[^/]*\.py$|[^/]*_test\.py$|tests?\.py$|conftest\.py$)")
_used = time.process_time


class Kept:
    """Distinct inputs of functions, by code object, a few of each shape."""

    def __init__(self) -> None:
        self.inputs: list[Input] = []
        self._seen: set[str] = set()
        self._shapes: dict[tuple[int, str], int] = {}

    def add(self, made: Input) -> None:
        """Keep an input, unless there are enough like it."""
        shape = (id(made.function), made.shape())
        if made.digest not in self._seen and self._shapes.get(shape, 0) < _OF_A_SHAPE:
            self._seen.add(made.digest)
            self._shapes[shape] = self._shapes.get(shape, 0) + 1
            self.inputs.append(made)


class Recorder:
    """A profile function. `edited` are code objects; where they are of one function, its own calls are kept as well (`direct`)."""

    def __init__(self, tree: words.Tree, index: live.Index, edited: Sequence[CodeType], of_one: bool) -> None:
        self._tree = tree
        self._index = index
        self._of_one = of_one
        self._kinds: dict[int, int] = {id(code): _EDITED for code in edited}
        # An id is taken again when its code object has gone.
        self._codes: list[CodeType] = list(edited)
        self._starts: dict[int, int] = {}
        self._looks: dict[int, int] = {}
        self._entry: FrameType | None = None
        self._pending: Input | None = None
        self._suspended: dict[FrameType, Input] = {}
        self._proven: set[int] = set()
        self.failing = True
        self.direct = Kept()
        self.entries = Kept()

    @property
    def inputs(self) -> list[Input]:
        """What was recorded: calls of the edited function where there are any, else calls through which it was reached."""
        return self.direct.inputs or self.entries.inputs

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        """Take in one event of the interpreter."""
        del arg
        if event == "return":
            if frame is self._entry:
                self._entry = self._pending = None
            return
        if event != "call":
            return
        code = frame.f_code
        kind = self._kinds.get(id(code))
        if kind is None:
            kind = self._kind(code)
        if kind == _OUTSIDE:
            return
        starts = self._starts.setdefault(id(code), frame.f_lasti) == frame.f_lasti
        if self._entry is None:
            self._enter(frame, starts and not (self._of_one and kind == _EDITED))
        if kind == _EDITED:
            self._confirm()
            if self._of_one and starts:
                made = self._look(frame, _LOOKS)
                if made is not None:
                    self.direct.add(made)

    def _kind(self, code: CodeType) -> int:
        path = self._tree.relative(code.co_filename)
        # The bodies of modules and classes are no functions, nor are comprehensions.
        function = code.co_flags & _OPTIMIZED and (code.co_name == "<lambda>" or not code.co_name.startswith("<"))
        outside = path is None or not function or _TEST_FILE.search(path.replace(os.sep, "/")) is not None
        self._codes.append(code)
        self._kinds[id(code)] = kind = _OUTSIDE if outside else _REPOSITORY
        return kind

    def _enter(self, frame: FrameType, starts: bool) -> None:
        self._entry = frame
        if starts:
            self._pending = self._look(frame, _LOOKS if id(frame.f_code) in self._proven else _UNPROVEN_LOOKS)
            if self._pending is not None and frame.f_code.co_flags & _SUSPENDS and len(self._suspended) < _SUSPENDED:
                self._suspended[frame] = self._pending
        else:
            self._pending = self._suspended.get(frame)

    def _confirm(self) -> None:
        if self._entry is not None:
            self._proven.add(id(self._entry.f_code))
        if self._pending is not None:
            self.entries.add(self._pending)
            self._pending = None

    def _look(self, frame: FrameType, most: int) -> Input | None:
        """Return a copy of what a function that has just been entered was called with; None where that is not to be had."""
        code = frame.f_code
        looks = self._looks[id(code)] = self._looks.get(id(code), 0) + 1
        if looks > most:
            return None
        made, _ = attempt(lambda: self._input(frame, code))
        found: Input | None = made
        return found

    def _input(self, frame: FrameType, code: CodeType) -> Input | None:
        function = self._function(frame, code)
        if function is None:
            return None
        count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
        held = frame.f_locals
        made = Input(function, {name: held[name] for name in code.co_varnames[:count]}, self.failing)
        return None if made.too_large else made.copied()

    def _function(self, frame: FrameType, code: CodeType) -> FunctionType | None:
        """Return the live function that is being called: of several made from one text, the one with these free variables."""
        found: list[Any] = list(self._index.functions(code))
        if not found:
            # Made since the suite was imported.
            found = [each for each in gc.get_referrers(code) if type(each) is FunctionType and each.__code__ is code]
        held = frame.f_locals if code.co_freevars else {}
        for function in found:
            if function.__globals__ is frame.f_globals and _closes_over(function, held):
                live_one: FunctionType = function
                return live_one
        return None


def _closes_over(function: FunctionType, held: dict[str, Any]) -> bool:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            if cell.cell_contents is not held.get(name):
                return False
        except ValueError:
            if name in held:
                return False
    return True


def record(
    recorder: Recorder,
    run: Callable[[str], None],
    failing: Sequence[str],
    passing: Sequence[str],
    cpu_s: float,
    enough: int,
) -> list[Input]:
    """Run the failing tests, then passing ones while `cpu_s` lasts, inputs are not `enough`, and new ones come; return what was recorded."""
    watch = Watch()
    began = _used()
    # A failing test may well be one that never ends.
    for tests, recorder.failing, share in ((failing, True, 0.5), (passing, False, 1.0)):
        grew = _used()
        for test in tests:
            known, now = len(recorder.inputs), _used()
            left_s = began + cpu_s * share - now
            if left_s <= 0 or known >= enough or now - grew > cpu_s * _FRUITLESS_SHARE:
                break
            watch.limited(lambda test=test: _profiled(recorder, run, test), left_s)  # type: ignore[misc]
            grew = _used() if len(recorder.inputs) > known else grew
    return recorder.inputs


def _profiled(recorder: Recorder, run: Callable[[str], None], test: str) -> None:
    sys.setprofile(recorder)
    try:
        run(test)
    finally:
        sys.setprofile(None)
