"""Runs inside the sandbox: whether functions of an answer do as the original's, on inputs that a suite gives them and on mutations.

Given a JSON file (functions by path, the answer's files, tests), it runs the tests on the original tree, records the
arguments of each call, then calls both versions on copies. Prints one JSON document as its last line.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import pickle
import re
import signal
import sys
from collections.abc import Iterator
from types import CodeType, FrameType, FunctionType
from typing import Any

MOST_CALLS = 60
MOST_MUTATIONS = 12
CALL_S = 2


class Late(BaseException):
    """Raised when a call takes too long."""


class Recorder:
    """Keeps copies of the arguments of calls of some code objects."""

    def __init__(self, wanted: dict[tuple[str, int, str], str]) -> None:
        self.wanted = wanted
        self.calls: dict[str, list[tuple[FunctionType, dict[str, Any]]]] = {}
        self._functions: dict[CodeType, FunctionType | None] = {}

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        del arg
        code = frame.f_code
        # A generator is "called" each time it goes on; its arguments are as given the first time only.
        if code.co_flags & 0x20 and frame.f_lineno != code.co_firstlineno:
            return
        if event != "call" or self.wanted.get((code.co_filename, code.co_firstlineno, code.co_name)) is None:
            return
        sys.setprofile(None)
        try:
            self._keep(frame, code)
        finally:
            sys.setprofile(self)

    def _keep(self, frame: FrameType, code: CodeType) -> None:
        name = self.wanted[code.co_filename, code.co_firstlineno, code.co_name]
        kept = self.calls.setdefault(name, [])
        function = self._function(code)
        if len(kept) >= MOST_CALLS or function is None:
            return
        count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
        try:
            kept.append((function, copy.deepcopy({name: frame.f_locals[name] for name in code.co_varnames[:count]})))
        except Exception:  # noqa: BLE001 - what cannot be copied cannot be compared
            return

    def _function(self, code: CodeType) -> FunctionType | None:
        if code not in self._functions:
            import gc

            found = (each for each in gc.get_referrers(code) if isinstance(each, FunctionType))
            self._functions[code] = next(found, None)
        return self._functions[code]


def code_of(source: str, path: str, qualname: str) -> CodeType | None:
    """Return the code object of a function by its qualified name."""
    waiting = [compile(source, path, "exec", dont_inherit=True)]
    while waiting:
        code = waiting.pop()
        if code.co_qualname == qualname:
            return code
        waiting.extend(each for each in code.co_consts if isinstance(each, CodeType))
    return None


def called(function: FunctionType, code: CodeType, given: dict[str, Any]) -> tuple[str, Any]:
    """Call a version of a function on a copy of recorded arguments; return how it ended, and the value or exception, and what it left."""
    if code.co_freevars != function.__code__.co_freevars:
        return "other free variables", None
    made = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    held = copy.deepcopy(given)
    words = list(held.values())
    plain, keyword = code.co_argcount, code.co_kwonlyargcount
    named = dict(zip(code.co_varnames[plain : plain + keyword], words[plain : plain + keyword], strict=False))
    rest = words[plain + keyword :]
    more = tuple(rest.pop(0)) if code.co_flags & 4 else ()
    named.update(rest.pop(0) if code.co_flags & 8 else {})
    signal.alarm(CALL_S)
    try:
        value = made(*words[:plain], *more, **named)
        if code.co_flags & 0x20:
            value = list(itertools.islice(value, 200))
        return "returned", shown((value, words))
    except Late:
        return "late", None
    except Exception as error:  # noqa: BLE001 - whatever it raises is its outcome
        return "raised", (type(error).__name__, shown(error.args))
    finally:
        signal.alarm(0)


def shown(value: object) -> object:
    """Return a value in a form that is equal for equal values."""
    try:
        return pickle.dumps(value)
    except Exception:  # noqa: BLE001 - most things can be shown at least
        return re.sub(r"0x[0-9a-f]+", "0x", repr(value))


def mutations(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield arguments with one of them changed a little."""
    for name, value in given.items():
        for other in changed(value) if name not in ("self", "cls") else ():
            yield {**given, name: other}


def changed(value: Any) -> list[Any]:
    """Return values near a value."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1, 0, -value]
    if isinstance(value, float):
        return [value + 0.5, -value, 0.0]
    if isinstance(value, str | bytes):
        return [value[:0], value[:-1], value[1:], value * 2, value.upper()]
    if isinstance(value, list | tuple):
        return [value[:0], value[:-1], value[1:], value * 2, value[::-1]]
    if isinstance(value, dict) and value:
        return [{}, dict(list(value.items())[1:])]
    return []


def compare(recorder: Recorder, codes: dict[str, CodeType]) -> dict[str, Any]:
    """Return how many inputs each function agreed on, and the first on which two differ."""
    agreed = dict.fromkeys(codes, 0)
    for name, code in codes.items():
        for function, given in recorder.calls.get(name, ()):
            for at, each in enumerate((given, *itertools.islice(mutations(given), MOST_MUTATIONS))):
                before = called(function, function.__code__, each)
                # Beyond the recorded inputs, what the original refuses is outside of its domain.
                if before[0] == "late" or (at and before[0] != "returned"):
                    continue
                if before != called(function, function.__code__, each):
                    continue
                if before != called(function, code, each):
                    return {"agreed": agreed, "differs": f"{name}: {repr(each)[:300]}"}
                agreed[name] += 1
    return {"agreed": agreed, "differs": ""}


def main() -> None:
    """Run the tests, compare, and print what came of it."""
    import pytest

    def late(number: int, frame: object) -> None:
        del number, frame
        raise Late

    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123 - standard library only, as small as can be
        request = json.load(file)
    wanted, codes = {}, {}
    for path, line, name, qualname, source in request["functions"]:
        code = code_of(source, path, qualname)
        if code is not None:
            wanted[os.path.realpath(path), line, name] = f"{path} {qualname}"
            codes[f"{path} {qualname}"] = code
    recorder = Recorder(wanted)
    sys.setprofile(recorder)
    pytest.main(["-q", "-p", "no:cacheprovider", "-o", "addopts=", *request["tests"]])
    sys.setprofile(None)
    signal.signal(signal.SIGALRM, late)
    print("\n" + json.dumps({**compare(recorder, codes), "functions": len(request["functions"]), "found": len(codes)}))


if __name__ == "__main__":
    main()
