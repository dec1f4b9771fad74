"""What one call comes to: what it returns or raises and what it leaves of its arguments, as a digest and to be read."""

from __future__ import annotations

import asyncio
import inspect
import os
from itertools import islice
from types import CodeType
from typing import Any, Callable

from . import form, shown
from .attempt import attempt
from .inputs import Input

_ITEMS = 200
_CHARS = 300
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_OF_OS = ("remove", "rmdir", "rename", "truncate", "link", "symlink", "mkdir", "chmod", "chown", "kill", "killpg")
_STARTS = ("system", "exec", "fork", "forkpty", "posix_spawn")
_OTHERS = ("shutil.rmtree", "shutil.move", "subprocess.Popen", "pty.spawn", "socket.connect")
_HARM = frozenset(["os." + name for name in (*_OF_OS, *_STARTS)] + list(_OTHERS))


class Harmless:
    """An audit hook that, while `on`, refuses to change files or processes: against accidents with inputs that nobody wrote."""

    def __init__(self) -> None:
        self.on = False

    def __call__(self, event: str, arguments: Any) -> None:
        """Take in one event of the interpreter."""
        if not self.on:
            return
        if event in _HARM or (event == "open" and type(arguments[2]) is int and arguments[2] & _WRITES):
            raise PermissionError(f"{event} is not for inputs that no test gave")


def outcome(each: Input, edited: Callable[[CodeType], bool]) -> tuple[str, str]:
    """Call with an input, whose arguments are changed by it; return the digest, empty where nothing can be compared, and the text."""
    value, error = attempt(lambda: _called(each))
    walk = form.Walk(edited)
    if error is not None:
        said, text = walk.of(error), "raises " + shown.error_text(error)
    else:
        said, text = walk.of(value), "{} {}".format("yields" if type(value) is _Yielded else "returns", _text(value))
    left = {name: form.Walk(edited).of(held) for name, held in each.given.items()}
    changed = [name for name in left if left[name] != each.forms[name]]
    if changed:
        text += "; leaves " + ", ".join("{} as {}".format(name, shown.value_text(each.given[name])) for name in changed)
    return ("" if walk.blind else form.digest("{} {}".format(said, left)), text[:_CHARS])


class _Yielded:
    """What came out of an iterator, and what it raised at last."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.error: BaseException | None = None


def _called(each: Input) -> Any:
    value = each.call()
    if inspect.iscoroutine(value):
        value = asyncio.run(value)
    # An iterator of the interpreter's own has nothing to show but what comes out of it.
    if hasattr(type(value), "__next__") and type(value).__module__ in ("builtins", "itertools"):
        return _run_out(value)
    return value


def _run_out(iterator: Any) -> _Yielded:
    yielded = _Yielded()
    _, yielded.error = attempt(lambda: yielded.items.extend(islice(iterator, _ITEMS)))
    return yielded


def _text(value: Any) -> str:
    if type(value) is not _Yielded:
        return shown.value_text(value)
    raised = "" if value.error is None else " and raises " + shown.error_text(value.error)
    return shown.value_text(value.items) + raised
