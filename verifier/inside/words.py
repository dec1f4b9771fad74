"""The parts of a test's result, cut to sizes the channel carries: ids, messages, frames, output."""

from __future__ import annotations

import hashlib
import os
import sys
import traceback
import unittest
from types import TracebackType
from typing import Any

MESSAGE_CHARS = 4_000
OUTPUT_CHARS = 16_000
ID_CHARS = 4_000
FRAMES = 60

_realpath = os.path.realpath
_hidden = (
    os.path.dirname(unittest.__file__) + os.sep,
    __file__.rpartition("_nightcrew_inside")[0] + "_nightcrew_inside",
)


def cut(text: str, chars: int) -> str:
    """Drop the middle of what is longer than `chars`, and say how much."""
    if len(text) <= chars:
        return text
    half = chars // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters dropped …]\n{text[-half:]}"


def short_id(test_id: str) -> str:
    """Shorten an id that is too long to send, always in the same way."""
    if len(test_id) <= ID_CHARS:
        return test_id
    digest = hashlib.sha256(test_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return test_id[: ID_CHARS - 17] + "…" + digest


def message_of(kind: Any, value: Any) -> str:
    """Return an exception as `Type: text`."""
    return cut("".join(traceback.format_exception_only(kind, value)).strip(), MESSAGE_CHARS)


def brief(error: BaseException) -> str:
    """Return an exception as `Type: text`, without the suggestions of names that cost more than most tests."""
    try:
        return cut(f"{type(error).__name__}: {error}", MESSAGE_CHARS)
    except Exception:  # noqa: BLE001 - tested code says how its exceptions are shown
        return type(error).__name__


class Tree:
    """The repository's directory as this process sees it; tells its files from its environment's."""

    def __init__(self, root: str) -> None:
        self.root = _realpath(root)
        self._paths: dict[str, str | None] = {}
        prefix = _realpath(sys.prefix) + os.sep
        self._environment = prefix if prefix.startswith(self.root + os.sep) else None

    def relative(self, path: str) -> str | None:
        """Return a file's repository-relative path, None where it lies outside or in an environment inside."""
        try:
            return self._paths[path]
        except KeyError:
            self._paths[path] = found = self._relative(path)
            return found

    def _relative(self, path: str) -> str | None:
        if path.startswith("<"):
            return None
        real = _realpath(path)
        if not real.startswith(self.root + os.sep) or os.sep + "site-packages" + os.sep in real:
            return None
        if self._environment is not None and real.startswith(self._environment):
            return None
        return real[len(self.root) + 1 :]

    def frames(self, value: BaseException | None, trace: TracebackType | None) -> list[list[Any]]:
        """Return the frames of an exception as path, line, function: those of its causes first, the innermost last."""
        chain: list[TracebackType | None] = [trace]
        seen = {id(value)}
        while value is not None:
            value = value.__cause__ or (None if value.__suppress_context__ else value.__context__)
            if value is None or id(value) in seen:
                break
            seen.add(id(value))
            chain.append(value.__traceback__)
        frames = [frame for link in reversed(chain) for frame in self._of(link)]
        return frames[-FRAMES:]

    def _of(self, trace: TracebackType | None) -> list[list[Any]]:
        frames = []
        while trace is not None:
            code = trace.tb_frame.f_code
            path = code.co_filename
            if not path.startswith(_hidden) and "/_pytest/" not in path and "/pluggy/" not in path:
                frames.append([self.relative(path) or path, trace.tb_lineno, code.co_name])
            trace = trace.tb_next
        return frames


def result(
    test_id: str, outcome: str, seconds: float = 0.0, message: str = "", frames: Any = (), output: str = ""
) -> dict[str, Any]:
    """Return one test's result as a message."""
    return {
        "t": "result",
        "id": short_id(test_id),
        "outcome": outcome,
        "seconds": seconds,
        "message": cut(message, MESSAGE_CHARS),
        "frames": list(frames),
        "output": cut(output, OUTPUT_CHARS),
    }


def collected(ids: list[str], send: Any) -> None:
    """Send the ids of all tests, some at a time."""
    for start in range(0, len(ids), 200):
        send({"t": "collected", "ids": [short_id(test_id) for test_id in ids[start : start + 200]]})


class Choice:
    """Which tests were asked for: None means all; an id also chooses what lies below it."""

    def __init__(self, ids: list[str] | None, below: str) -> None:
        self._ids = None if ids is None else set(ids)
        self._below = below

    def __contains__(self, test_id: str) -> bool:
        if self._ids is None or test_id in self._ids:
            return True
        # `a.py::C::t[x]` lies below `a.py::C::t`, `a.py::C`, `a.py` and the directories above; brackets may hold anything.
        head, bracket, _ = test_id.partition("[")
        if bracket and head in self._ids:
            return True
        for mark in self._below.split(" "):
            at = head.find(mark)
            while at >= 0:
                if head[:at] in self._ids or head[: at + len(mark)] in self._ids:
                    return True
                at = head.find(mark, at + 1)
        return False


def choose(known: list[str], asked: list[str], below: str) -> list[str] | None:
    """Return the known ids that `asked` choose, in their order; None when one of `asked` chooses nothing."""
    exact = set(known)
    if not all(test_id in exact or any(one in Choice([test_id], below) for one in known) for test_id in asked):
        return None
    choice = Choice(asked, below)
    return [test_id for test_id in known if test_id in choice]
