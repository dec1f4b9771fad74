"""Watches tests run as they are: which of some lines each executes, and what it calls some functions with, and what comes of it.

Tells it of each test before that test's result; judges nothing. Lines that run before the first test are of the test "".
"""

from __future__ import annotations

import dis
import threading
import time
from types import CodeType
from typing import TYPE_CHECKING, Any, Callable

from . import form, shown, watching, words
from .attempt import brief

if TYPE_CHECKING:
    from .channel import Message

_CALLS = 30
_SPENT_S = 0.5
_ASIDE_S = 0.2
_CALL_CHARS = 400
_ONCE_S = 0.1
_SUSPENDS = 0x20 | 0x80 | 0x200
_clock = time.perf_counter


class Look:
    """What is looked at in one code object: lines of a file, and whether its calls are of function `number` (-1: of none)."""

    def __init__(self, path: str, lines: frozenset[int], number: int) -> None:
        self.path = path
        self.lines = lines
        self.number = number


class Observation:
    """Passes on what a run says of its tests, and what was seen in each before what came of it."""

    def __init__(self, request: Message, send: Callable[[Message], None]) -> None:
        watch = request["watch"]
        self._send = send
        self._tree = words.Tree(request["root"])
        self._lines = {path: frozenset(lines) for path, lines in watch["lines"].items()}
        self._functions = {(path, line, name): at for at, (path, line, name) in enumerate(watch["functions"])}
        self._first = frozenset(watch["first"])
        self._paths = {*self._lines, *(path for path, _, _ in self._functions)}
        self._test = ""
        self._run: dict[str, set[int]] = {}
        self._calls: list[Message] = []
        self._open: dict[Any, Message] = {}
        self._aside_s = 0.0
        self._spent_s = 0.0
        self._showing = False
        self._thread = threading.get_ident()
        self._watching = watching.start(self)

    def __call__(self, message: Message) -> None:
        """Take in what the run says."""
        if message["t"] == "collected":
            self._cut("")
        elif message["t"] == "start":
            self._begin(message["id"])
        elif message["t"] == "result" and message["id"] == self._test:
            self._cut(self._test)
        self._send(message)

    # ---- what the interpreter tells

    def inside(self, path: str) -> bool:
        """Say whether a file is one of the repository's."""
        return self._tree.relative(path) is not None

    def look(self, code: CodeType) -> Look | None:
        """Return what is to be looked at in a code object, None for nothing."""
        path = self._tree.relative(code.co_filename)
        if path is None or path not in self._paths:
            return None
        own = {line for _, line in dis.findlinestarts(code) if line}
        wanted = frozenset(own & self._lines.get(path, frozenset()))
        number = self._functions.get((path, code.co_firstlineno, code.co_name), -1)
        number = -1 if code.co_flags & _SUSPENDS else number
        return Look(path, wanted, number) if wanted or number >= 0 else None

    def line(self, look: Look, line: int) -> None:
        """Take in that a line was executed."""
        if line in look.lines and not self._showing:
            self._run.setdefault(look.path, set()).add(line)

    def entered(self, look: Look, frame: Any) -> None:
        """Take in a call: what it is called with is shown now, before it is changed."""
        if look.number < 0 or not self._test or self._showing or threading.get_ident() != self._thread:
            return
        if len(self._calls) + len(self._open) >= _CALLS or self._exhausted():
            return
        made = self._shown(lambda: _call(frame))
        if made is not None:
            text, given = made
            self._open[frame] = {"t": "call", "function": look.number, "call": text, "given": given}

    def returned(self, frame: Any, value: Any) -> None:
        """Take in what a call returned."""
        made = frame.f_code.co_name == "__init__"
        self._ended(frame, lambda: ("is made" if made else "returns " + shown.value_text(value), _form(value)))

    def raised(self, frame: Any, error: BaseException | None) -> None:
        """Take in that an exception ended a call."""
        if error is not None:
            self._ended(frame, lambda: ("raises " + shown.error_text(error), _form(error)))

    def _ended(self, frame: Any, said: Callable[[], tuple[str, str]]) -> None:
        call = self._open.pop(frame, None) if self._open else None
        if call is None or self._showing:
            return
        made = self._shown(said)
        if made is not None:
            call["said"], call["came"] = made
            self._calls.append(call)

    def _shown(self, work: Callable[[], tuple[str, str]]) -> tuple[str, str] | None:
        """Return what shows a call, None where that raises or takes long; what it runs is not looked at."""
        began = _clock()
        self._showing = True
        try:
            made, _ = brief(work, _ONCE_S)
            found: tuple[str, str] | None = made
            return found
        finally:
            self._showing = False
            if self._test in self._first:
                self._spent_s += _clock() - began
            else:
                self._aside_s += _clock() - began

    def _exhausted(self) -> bool:
        return self._spent_s > _SPENT_S if self._test in self._first else self._aside_s > _ASIDE_S

    # ---- from test to test

    def _begin(self, test: str) -> None:
        self._cut(self._test)
        self._test = test
        self._watching.begin()

    def _cut(self, test: str) -> None:
        """Tell what was seen since the last time."""
        self._watching.end()
        run, self._run = self._run, {}
        calls, self._calls = self._calls, []
        self._open.clear()
        self._test = ""
        if run or calls:
            lines = {path: sorted(found) for path, found in run.items()}
            self._send({"t": "observed", "id": test, "lines": lines, "calls": calls})


def _call(frame: Any) -> tuple[str, str]:
    """Return a call as text, and what is equal for equal arguments ("" where that cannot be told)."""
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount
    names = code.co_varnames[:count]
    rest = code.co_varnames[count : count + bool(code.co_flags & 4) + bool(code.co_flags & 8)]
    held = frame.f_locals
    given = [name for name in (*names, *rest) if name in held]
    unmade = code.co_name in ("__init__", "__new__")
    texts: list[str] = []
    name = code.co_name
    for at, each in enumerate(given):
        if at == 0 and each in ("self", "cls"):
            owner = held[each] if isinstance(held[each], type) else type(held[each])
            name = owner.__qualname__ if unmade else "{}.{}".format(shown.value_text(held[each]), name)
        elif each in rest:
            stars = "*" if code.co_flags & 4 and each == rest[0] else "**"
            texts += [stars + shown.value_text(held[each])] if held[each] else []
        else:
            texts.append("{}={}".format(each, shown.value_text(held[each])))
    values = [held[each] for at, each in enumerate(given) if not (unmade and at == 0)]
    return words.cut("{}({})".format(name, ", ".join(texts)), _CALL_CHARS), _form(values)


def _form(value: Any) -> str:
    walk = form.Walk()
    text = walk.of(value)
    return "" if walk.cut or walk.blind else form.digest(text)
