"""Which code ran: what the import of a suite executed, and which lines one test executes."""

from __future__ import annotations

import sys
import threading
from types import CodeType
from typing import Any

from . import words

_TOOLS = (3, 4, 1, 0, 2, 5)


def _monitoring() -> Any:
    return getattr(sys, "monitoring", None)


def free_tool(monitoring: Any) -> int | None:
    """Return the id of a tool of `sys.monitoring` that nobody uses, None where there is none."""
    free = [tool for tool in _TOOLS if monitoring.get_tool(tool) is None]
    return free[0] if free else None


class Imported:
    """Records every code object of the repository that starts between `start` and `stop`."""

    def __init__(self, tree: words.Tree) -> None:
        self._tree = tree
        self._codes: dict[int, CodeType] = {}
        self._tool: int | None = None

    def __contains__(self, code: CodeType) -> bool:
        return id(code) in self._codes

    def start(self) -> None:
        """Record from now on, in all threads."""
        monitoring = _monitoring()
        self._tool = free_tool(monitoring) if monitoring is not None else None
        if self._tool is None:
            threading.settrace(self._called)
            sys.settrace(self._called)
            return
        monitoring.use_tool_id(self._tool, "nightcrew")
        event = monitoring.events.PY_START

        def started(code: CodeType, offset: int) -> Any:
            del offset
            self._codes[id(code)] = code
            return monitoring.DISABLE

        monitoring.register_callback(self._tool, event, started)
        monitoring.set_events(self._tool, event)

    def stop(self) -> None:
        """Record no more, and keep only what lies in the repository."""
        if self._tool is None:
            sys.settrace(None)
            threading.settrace(None)
        else:
            _monitoring().set_events(self._tool, 0)
            _monitoring().free_tool_id(self._tool)
        inside = self._tree.relative
        self._codes = {key: code for key, code in self._codes.items() if inside(code.co_filename) is not None}

    def _called(self, frame: Any, event: str, arg: Any) -> None:
        del event, arg
        code = frame.f_code
        self._codes[id(code)] = code


class Counts:
    """Counts how often each line of the repository's files is executed."""

    def __init__(self, tree: words.Tree) -> None:
        self._tree = tree
        self._counts: dict[tuple[str, int], int] = {}
        self._before: Any = None

    def start(self) -> None:
        """Count from now on, in this thread."""
        self._before = sys.gettrace()
        sys.settrace(self._called)

    def stop(self) -> int:
        """Count no more; return a number that stands for all counts, in this process and those it is forked from or into."""
        sys.settrace(self._before)
        return hash(frozenset(self._counts.items()))

    def _called(self, frame: Any, event: str, arg: Any) -> Any:
        del event, arg
        filename = frame.f_code.co_filename
        if self._tree.relative(filename) is None:
            return None
        counts = self._counts

        def line(frame: Any, event: str, arg: Any) -> Any:
            del arg
            if event == "line":
                spot = (filename, frame.f_lineno)
                counts[spot] = counts.get(spot, 0) + 1
            return line

        return line


class Lines:
    """Records the lines that each test executes of the repository's files, or of some of them."""

    def __init__(self, tree: words.Tree, files: list[str] | None) -> None:
        self._tree = tree
        self._files = None if files is None else set(files)
        self._lines: dict[str, set[int]] = {}
        self._found: dict[str, dict[str, list[int]]] = {}
        self._wanted: dict[str, set[int] | None] = {}

    def start(self) -> None:
        """Record from now on, until the process ends."""
        monitoring = _monitoring()
        tool = free_tool(monitoring) if monitoring is not None else None
        if tool is None:
            threading.settrace(self._called)
            sys.settrace(self._called)
            return
        monitoring.use_tool_id(tool, "nightcrew")

        def line(code: CodeType, number: int) -> Any:
            lines = self._of(code.co_filename)
            if lines is not None:
                lines.add(number)
            return monitoring.DISABLE

        def started(code: CodeType, offset: int) -> Any:
            del offset
            lines = self._of(code.co_filename)
            # Python 3.13 tells no line of a function that lies on one line.
            if lines is not None and {number for _, _, number in code.co_lines()} <= {code.co_firstlineno, None}:
                lines.add(code.co_firstlineno)
            return monitoring.DISABLE

        events = monitoring.events
        monitoring.register_callback(tool, events.LINE, line)
        monitoring.register_callback(tool, events.PY_START, started)
        monitoring.set_events(tool, events.LINE | events.PY_START)

    def cut(self, test_id: str) -> None:
        """Say that what was executed since the last cut was executed by this test."""
        self._found[test_id] = {path: sorted(lines) for path, lines in self._lines.items() if lines}
        self._lines, self._wanted = {}, {}
        monitoring = _monitoring()
        if monitoring is not None:
            monitoring.restart_events()

    def found(self) -> dict[str, dict[str, list[int]]]:
        """Return the lines by test and repository-relative path."""
        return self._found

    def _of(self, filename: str) -> set[int] | None:
        try:
            return self._wanted[filename]
        except KeyError:
            path = self._tree.relative(filename)
            wanted = path is not None and (self._files is None or path in self._files)
            lines = self._lines.setdefault(path or "", set()) if wanted else None
            self._wanted[filename] = lines
            return lines

    def _called(self, frame: Any, event: str, arg: Any) -> Any:
        del event, arg
        lines = self._of(frame.f_code.co_filename)
        if lines is None:
            return None
        add = lines.add

        def line(frame: Any, event: str, arg: Any) -> Any:
            del event, arg
            add(frame.f_lineno)
            return line

        return line
